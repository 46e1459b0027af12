//! A server on loopback that misbehaves as it is told: each request gets the next reply of a list, the last one again and
//! again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a request is answered.
#[derive(Clone)]
pub(crate) enum Reply {
    /// The file, or the part of it that was asked for.
    Whole,
    /// The same by another `ETag`.
    Tagged(&'static str),
    /// The whole file whatever was asked for, as one that changed since.
    Changed(Vec<u8>, &'static str),
    /// The head of the whole reply, and so many bytes less than it promises.
    Cut(usize),
    /// The same by another `ETag` and whatever was asked for.
    CutAs(usize, &'static str),
    /// The head of a reply of this length, and then nothing.
    Claims(u64),
    /// Bytes of the right length that are others.
    Wrong,
    /// A part that was not asked for.
    OtherPart,
    /// A reply without a body and with these lines after the first.
    Status(u16, &'static str),
    /// This page with status 200.
    Page(&'static str, &'static str),
    /// Nothing: the connection is closed.
    Nothing,
    /// Nothing, for so long.
    Hang(Duration),
    /// So many bytes of the file, then one each time this has passed.
    Trickle(usize, Duration),
    /// In pieces without a length; cut off before the last one when true.
    Chunked(bool),
    /// Neither a length nor an end but that of the connection.
    Endless,
}

/// The server; it ends with its owner.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Serves a file under every path.
    pub(crate) fn new(file: Vec<u8>, replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, ends) = (asked.clone(), stop.clone());
        std::thread::spawn(move || {
            let file = Arc::new(file);
            for (number, stream) in listener.incoming().flatten().enumerate() {
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                let reply = replies[number.min(replies.len() - 1)].clone();
                let (file, log, ends) = (file.clone(), log.clone(), ends.clone());
                // The client may leave at any moment.
                std::thread::spawn(move || {
                    let _ = answer(stream, &file, reply, &log, &ends);
                });
            }
        });
        Self { port, asked, stop }
    }

    /// The address of a file on it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The heads of all requests.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn answer(
    mut stream: TcpStream,
    file: &[u8],
    reply: Reply,
    log: &Mutex<Vec<String>>,
    ends: &AtomicBool,
) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while !head.ends_with("\r\n\r\n") && reader.by_ref().take(4096).read_line(&mut head)? > 0 {}
    log.lock().unwrap().push(head.clone());
    let range = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let (from, to) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
        let is_range = name.eq_ignore_ascii_case("range");
        is_range.then(|| Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok())))?
    });
    let bytes = file.len();
    let from = range.map(|(from, _)| from);
    // As GDAL asks: for the head alone, and for a part with an end.
    if let (Reply::Whole, true) = (&reply, head.starts_with("HEAD ")) {
        return stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n").as_bytes());
    }
    if let (Reply::Whole, Some((from, Some(to)))) = (&reply, range) {
        let to = to.min(bytes - 1);
        let length = to + 1 - from;
        let head = format!("Content-Length: {length}\r\nContent-Range: bytes {from}-{to}/{bytes}\r\n\r\n");
        stream.write_all(format!("HTTP/1.1 206 Partial\r\n{head}").as_bytes())?;
        return stream.write_all(&file[from..=to]);
    }
    let head_of = |bytes: u64, tag: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\nETag: {tag}\r\n\r\n");
    let whole = head_of(bytes as u64, "\"1\"");
    let part = |from: usize, tag: &str| {
        let range = format!("Content-Range: bytes {from}-{}/{bytes}", bytes - 1);
        let length = bytes - from;
        format!("HTTP/1.1 206 Partial\r\nContent-Length: {length}\r\n{range}\r\nETag: {tag}\r\n\r\n")
    };
    let mut send = |head: &str, body: &[u8]| stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    match reply {
        Reply::Whole | Reply::Tagged(_) => {
            let tag = if let Reply::Tagged(tag) = reply { tag } else { "\"1\"" };
            match from {
                Some(from) => send(&part(from, tag), &file[from..]),
                None => send(&head_of(bytes as u64, tag), file),
            }
        }
        Reply::Changed(other, tag) => send(&head_of(other.len() as u64, tag), &other),
        Reply::Cut(missing) => match from {
            Some(from) => send(&part(from, "\"1\""), &file[from..(bytes - missing).max(from)]),
            None => send(&whole, &file[..bytes - missing]),
        },
        Reply::CutAs(missing, tag) => send(&head_of(bytes as u64, tag), &file[..bytes - missing]),
        Reply::Claims(length) => send(&head_of(length, "\"1\""), b""),
        Reply::Wrong => {
            let length = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n");
            send(&format!("{length}Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"), &vec![7; bytes])
        }
        Reply::OtherPart => send(&part(1, "\"1\""), &file[1..]),
        Reply::Status(code, more) => send(&format!("HTTP/1.1 {code} X\r\nContent-Length: 0\r\n{more}\r\n"), b""),
        Reply::Page(kind, page) => send(
            &format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{page}", page.len()),
            b"",
        ),
        Reply::Nothing => Ok(()),
        Reply::Hang(long) => {
            wait(long, ends);
            Ok(())
        }
        Reply::Trickle(at_once, pause) => {
            send(&whole, &file[..at_once])?;
            for byte in &file[at_once..] {
                wait(pause, ends);
                send("", &[*byte])?;
            }
            Ok(())
        }
        Reply::Chunked(cut) => {
            let mut body = Vec::new();
            for chunk in file.chunks(1000) {
                body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                body.extend(chunk);
                body.extend(b"\r\n");
            }
            if !cut {
                body.extend(b"0\r\n\r\n");
            }
            send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &body)
        }
        Reply::Endless => send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", file),
    }
}

/// Waits, but not for longer than the server lives.
fn wait(long: Duration, ends: &AtomicBool) {
    let started = std::time::Instant::now();
    while started.elapsed() < long && !ends.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5).min(long));
    }
}
