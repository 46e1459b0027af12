use super::*;

fn text(name: &str) -> Value {
    Value::Text(name.to_owned())
}

#[test]
fn a_call_is_described_and_never_made() {
    // cshelf\nfetch\n (X...t R . : shelf.fetch("rm")
    let pickle = b"\x80\x02cshelf\nfetch\n(X\x02\x00\x00\x00rmtR.";
    let value = read(&mut pickle.as_slice()).unwrap();
    assert_eq!(value, Value::Call("shelf fetch".to_owned(), vec![text("rm")]));
}

#[test]
fn a_pickle_that_attacks_is_refused_by_the_name_of_what_it_asks_for() {
    let attacks: [(&[u8], &str); 6] = [
        (b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.", "os.system"),
        // Protocol 4: the name comes from the stack.
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.", "posix.system"),
        (b"c__builtin__\neval\n(S'1'\ntR.", "__builtin__.eval"),
        (b"(S'ls'\nisubprocess\nPopen\n.", "subprocess.Popen"),
        (b"\x80\x02cos.path\nexists\n(X\x01\x00\x00\x00.tR.", "os.path.exists"),
        // The attack would have happened before its result is thrown away.
        (b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR0}.", "os.system"),
    ];
    for (pickle, function) in attacks {
        let refused = read(&mut &*pickle).unwrap_err();
        assert!(refused.starts_with(&format!("asks to run {function}, ")), "{refused}");
    }
}

#[test]
fn a_dictionary_comes_back_in_its_order() {
    // {"a": -1, "b": (256,)}
    let pickle = b"\x80\x02}(X\x01\x00\x00\x00aJ\xff\xff\xff\xffX\x01\x00\x00\x00bM\x00\x01\x85u.";
    let expected = Value::Dict(vec![(text("a"), Value::Int(-1)), (text("b"), Value::Sequence(vec![Value::Int(256)]))]);
    assert_eq!(read(&mut pickle.as_slice()).unwrap(), expected);
}

#[test]
fn the_oldest_protocol_is_read() {
    // Python 2.7: pickle.dumps([{'a': 5L, u'\xe9\n': 'b\n'}, -1.5, True, None], 0)
    let pickle = b"(lp0\n(dp1\nS'a'\np2\nL5L\nsV\\u00e9\\u000a\np3\nS'b\\n'\np4\nsaF-1.5\naI01\naNa.";
    let expected = Value::Sequence(vec![
        Value::Dict(vec![(text("a"), Value::Int(5)), (text("\u{e9}\n"), text("b\n"))]),
        Value::Float(-1.5),
        Value::Int(1),
        Value::Nothing,
    ]);
    assert_eq!(read(&mut pickle.as_slice()).unwrap(), expected);
}

#[test]
fn what_is_named_twice_is_one_object() {
    // a = []; [a, a] where a is filled only after it was named: ] q0 ] q1 ( h1 h1 e with "x" appended to h1 first.
    let pickle = b"]q\x00]q\x01X\x01\x00\x00\x00xah\x01\x86.";
    let list = Value::Sequence(vec![text("x")]);
    assert_eq!(read(&mut pickle.as_slice()).unwrap(), Value::Sequence(vec![list.clone(), list]));
}

#[test]
fn ordered_dictionaries_of_both_pythons_are_dictionaries() {
    let expected = Value::Dict(vec![(text("a"), Value::Int(1))]);
    let python3 = b"\x80\x02ccollections\nOrderedDict\n)Rq\x00X\x01\x00\x00\x00aK\x01s.";
    assert_eq!(read(&mut python3.as_slice()).unwrap(), expected);
    let python2 = b"\x80\x02ccollections\nOrderedDict\n]](X\x01\x00\x00\x00aK\x01ea\x85R.";
    assert_eq!(read(&mut python2.as_slice()).unwrap(), expected);
}

#[test]
fn a_pickle_that_would_exhaust_stack_or_memory_is_refused() {
    // () wrapped in a million one-tuples.
    let deep: Vec<u8> = [b")".as_slice(), &[0x85; 1_000_000], b"."].concat();
    assert!(read(&mut deep.as_slice()).unwrap_err().contains("deep"));
    // t = (t, t) forty times over: remember, recall, pair.
    let mut wide = b")".to_vec();
    for _ in 0..40 {
        wide.extend(b"q\x00h\x00\x86");
    }
    wide.push(b'.');
    assert!(read(&mut wide.as_slice()).unwrap_err().contains("more values"));
    // A list that contains itself.
    assert!(read(&mut b"]q\x00h\x00a.".as_slice()).unwrap_err().contains("deep"));
    // Lengths that nothing stands behind.
    assert!(read(&mut b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.".as_slice()).unwrap_err().contains("cut short"));
    assert!(read(&mut b"B\xff\xff\xff\xff.".as_slice()).unwrap_err().contains("cut short"));
}

#[test]
fn broken_pickles_are_refused_at_every_length() {
    let pickle = b"\x80\x02}(X\x01\x00\x00\x00aJ\xff\xff\xff\xffX\x01\x00\x00\x00bM\x00\x01\x85u.";
    for length in 0..pickle.len() {
        assert!(read(&mut &pickle[..length]).is_err(), "{length} bytes were taken for a whole pickle");
    }
    assert!(read(&mut b"\x85.".as_slice()).is_err());
}

#[test]
fn damaged_pickles_give_a_value_or_an_error_and_never_a_panic() {
    let whole = b"\x80\x02}(X\x01\x00\x00\x00aJ\xff\xff\xff\xffX\x01\x00\x00\x00bM\x00\x01\x85(lp0\nS'a'\naI01\nau.";
    for at in 0..whole.len() {
        for byte in 0..=255 {
            let mut pickle = whole.to_vec();
            pickle[at] = byte;
            let _ = read(&mut pickle.as_slice());
        }
    }
}
