//! The data in a pickle, without its programs.
//!
//! A pickle is a small program that builds objects by calling whatever function it names. This reader follows the
//! program and keeps plain data; a call is kept as a description of the call, and nothing is ever run. What a weight
//! file needs is little: see [`super::torch_file`] for what is made of it.

use std::collections::HashMap;
use std::io::{BufRead, Read};

/// A value as far as weights need it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// A function or class by name, `module name`.
    Global(String),
    /// A tuple or list.
    Sequence(Vec<Value>),
    /// A dictionary, in the order it was filled.
    Dict(Vec<(Value, Value)>),
    /// What a persistent id stands for: the storage of a tensor.
    Persistent(Box<Value>),
    /// A function and its arguments.
    Call(String, Vec<Value>),
    /// Anything else.
    Other,
}

/// Deepest nesting kept; a state dictionary needs a dozen levels.
const MAX_DEPTH: usize = 64;
/// Most values copied to and from the memo, so that a small file cannot ask for a huge object.
const MAX_COPIES: usize = 20_000_000;

/// The values on the stack, and the marks that group them.
#[derive(Default)]
struct Machine {
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    copies: usize,
}

/// The object that the next pickle of a stream describes.
///
/// # Errors
/// A pickle that is cut short or uses what no weight file uses.
pub(super) fn read(stream: &mut impl BufRead) -> Result<Value, String> {
    let mut machine = Machine::default();
    loop {
        let [opcode] = bytes::<1>(stream)?;
        if opcode == b'.' {
            return machine.pop();
        }
        machine.step(opcode, stream)?;
    }
}

impl Machine {
    fn step(&mut self, opcode: u8, stream: &mut impl BufRead) -> Result<(), String> {
        match opcode {
            // Protocol and frames say how the stream is cut, not what is in it.
            0x80 => drop(bytes::<1>(stream)?),
            0x95 => drop(bytes::<8>(stream)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'N' => self.stack.push(Value::Other),
            0x88 => self.stack.push(Value::Int(1)),
            0x89 => self.stack.push(Value::Int(0)),
            b'K' => self.push_int(i64::from(bytes::<1>(stream)?[0])),
            b'M' => self.push_int(i64::from(u16::from_le_bytes(bytes(stream)?))),
            b'J' => self.push_int(i64::from(i32::from_le_bytes(bytes(stream)?))),
            0x8a => {
                let int = long(stream)?;
                self.stack.push(int);
            }
            b'G' => {
                bytes::<8>(stream)?;
                self.stack.push(Value::Other);
            }
            b'X' => self.push_text(u32::from_le_bytes(bytes(stream)?), stream)?,
            0x8c => self.push_text(u32::from(bytes::<1>(stream)?[0]), stream)?,
            b'c' => {
                let name = format!("{} {}", line(stream)?, line(stream)?);
                self.stack.push(Value::Global(name));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(name), Value::Text(module)) = (name, module) else {
                    return Err("names a function by something that is no text".to_owned());
                };
                self.stack.push(Value::Global(format!("{module} {name}")));
            }
            b'}' => self.stack.push(Value::Dict(Vec::new())),
            b']' | b')' => self.stack.push(Value::Sequence(Vec::new())),
            b't' | b'l' => {
                let items = shallow(self.pop_to_mark()?)?;
                self.stack.push(Value::Sequence(items));
            }
            0x85..=0x87 => {
                let from = self.below(usize::from(opcode - 0x84))?;
                let items = shallow(self.stack.split_off(from))?;
                self.stack.push(Value::Sequence(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(shallow(vec![item])?);
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(shallow(items)?);
            }
            b's' => {
                let from = self.below(2)?;
                let pair = self.stack.split_off(from);
                self.insert(shallow(pair)?);
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.insert(shallow(items)?);
            }
            b'q' => self.remember(u32::from(bytes::<1>(stream)?[0]))?,
            b'r' => self.remember(u32::from_le_bytes(bytes(stream)?))?,
            0x94 => self.remember(u32::try_from(self.memo.len()).unwrap_or(u32::MAX))?,
            b'h' => self.recall(u32::from(bytes::<1>(stream)?[0]))?,
            b'j' => self.recall(u32::from_le_bytes(bytes(stream)?))?,
            b'Q' => {
                let id = self.pop()?;
                let mut id = shallow(vec![id])?;
                self.stack.extend(id.pop().map(|id| Value::Persistent(Box::new(id))));
            }
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.stack.push(call(function, arguments));
            }
            // The state of an object: attributes beside the data.
            b'b' => drop(self.pop()?),
            _ => return Err(format!("has the pickle instruction {opcode:#04x}, which no weight file needs")),
        }
        Ok(())
    }

    fn push_int(&mut self, value: i64) {
        self.stack.push(Value::Int(value));
    }

    fn push_text(&mut self, length: u32, stream: &mut impl BufRead) -> Result<(), String> {
        let mut text = String::new();
        let read = stream.take(u64::from(length)).read_to_string(&mut text).map_err(|cause| cause.to_string())?;
        if read != length as usize {
            return Err(CUT_SHORT.to_owned());
        }
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| DAMAGED.to_owned())
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or(DAMAGED)?;
        Ok(self.stack.split_off(mark))
    }

    /// Where the topmost `count` values begin.
    fn below(&self, count: usize) -> Result<usize, String> {
        self.stack.len().checked_sub(count).ok_or_else(|| DAMAGED.to_owned())
    }

    fn append(&mut self, items: Vec<Value>) {
        if let Some(Value::Sequence(sequence)) = self.stack.last_mut() {
            sequence.extend(items);
        }
    }

    fn insert(&mut self, items: Vec<Value>) {
        if let Some(Value::Dict(dict)) = self.stack.last_mut() {
            let mut items = items.into_iter();
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                dict.push((key, value));
            }
        }
    }

    fn remember(&mut self, slot: u32) -> Result<(), String> {
        let value = self.stack.last().ok_or(DAMAGED)?;
        self.copies += value.count();
        if self.copies > MAX_COPIES {
            return Err("describes more values than a weight file has".to_owned());
        }
        self.memo.insert(slot, value.clone());
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), String> {
        let value = self.memo.get(&slot).ok_or(DAMAGED)?;
        self.copies += value.count();
        if self.copies > MAX_COPIES {
            return Err("describes more values than a weight file has".to_owned());
        }
        self.stack.push(value.clone());
        Ok(())
    }
}

impl Value {
    /// The values directly inside this one.
    fn children(&self) -> Box<dyn Iterator<Item = &Value> + '_> {
        match self {
            Self::Sequence(items) | Self::Call(_, items) => Box::new(items.iter()),
            Self::Dict(entries) => Box::new(entries.iter().flat_map(|(key, value)| [key, value])),
            Self::Persistent(id) => Box::new(std::iter::once(id.as_ref())),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// The values in this one, itself included. Recursion is safe: see [`shallow`].
    fn count(&self) -> usize {
        1 + self.children().map(Self::count).sum::<usize>()
    }

    fn depth(&self) -> usize {
        1 + self.children().map(Self::depth).max().unwrap_or(0)
    }
}

/// The same values, once it is known that one more level around them is not too deep. Every value that gets children
/// passes here, so that no recursion over a value can exhaust the stack.
fn shallow(items: Vec<Value>) -> Result<Vec<Value>, String> {
    if items.iter().any(|item| item.depth() >= MAX_DEPTH) {
        return Err(format!("nests values more than {MAX_DEPTH} deep, which no weight file does"));
    }
    Ok(items)
}

const CUT_SHORT: &str = "is cut short: fetch it again";
const DAMAGED: &str = "is damaged: its pickle takes what it never put: fetch it again";

/// The description of a call; an ordered dictionary is a dictionary.
fn call(function: Value, arguments: Value) -> Value {
    match (function, arguments) {
        (Value::Global(name), _) if name == "collections OrderedDict" => Value::Dict(Vec::new()),
        (Value::Global(name), Value::Sequence(arguments)) => Value::Call(name, arguments),
        _ => Value::Other,
    }
}

fn bytes<const N: usize>(stream: &mut impl Read) -> Result<[u8; N], String> {
    let mut buffer = [0; N];
    stream.read_exact(&mut buffer).map_err(|_| CUT_SHORT.to_owned())?;
    Ok(buffer)
}

/// A whole number of any length; one beyond 64 bits is not kept.
fn long(stream: &mut impl Read) -> Result<Value, String> {
    let [length] = bytes::<1>(stream)?;
    let mut value = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut value).map_err(|cause| cause.to_string())?;
    if value.len() != usize::from(length) {
        return Err(CUT_SHORT.to_owned());
    }
    if value.len() > 8 {
        return Ok(Value::Other);
    }
    let filler = if value.last().is_some_and(|top| top & 0x80 != 0) { 0xff } else { 0 };
    let mut padded = [filler; 8];
    padded[..value.len()].copy_from_slice(&value);
    Ok(Value::Int(i64::from_le_bytes(padded)))
}

fn line(stream: &mut impl BufRead) -> Result<String, String> {
    let mut text = String::new();
    stream.take(1024).read_line(&mut text).map_err(|cause| cause.to_string())?;
    match text.strip_suffix('\n') {
        Some(text) => Ok(text.to_owned()),
        None => Err(CUT_SHORT.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_described_and_never_made() {
        // cos\nsystem\n (X...t R . : os.system("rm")
        let pickle = b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00rmtR.";
        let value = read(&mut pickle.as_slice()).unwrap();
        assert_eq!(value, Value::Call("os system".to_owned(), vec![Value::Text("rm".to_owned())]));
    }

    #[test]
    fn a_dictionary_comes_back_in_its_order() {
        // {"a": -1, "b": (256,)}
        let pickle = b"\x80\x02}(X\x01\x00\x00\x00aJ\xff\xff\xff\xffX\x01\x00\x00\x00bM\x00\x01\x85u.";
        let text = |name: &str| Value::Text(name.to_owned());
        let expected =
            Value::Dict(vec![(text("a"), Value::Int(-1)), (text("b"), Value::Sequence(vec![Value::Int(256)]))]);
        assert_eq!(read(&mut pickle.as_slice()).unwrap(), expected);
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
    }

    #[test]
    fn broken_pickles_are_refused_at_every_length() {
        let pickle = b"\x80\x02}(X\x01\x00\x00\x00aJ\xff\xff\xff\xffX\x01\x00\x00\x00bM\x00\x01\x85u.";
        for length in 0..pickle.len() {
            assert!(read(&mut &pickle[..length]).is_err(), "{length} bytes were taken for a whole pickle");
        }
        assert!(read(&mut b"\x85.".as_slice()).is_err());
    }
}
