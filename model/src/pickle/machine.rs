//! The machine that a pickle is a program for, without its power to call.

use std::collections::HashMap;
use std::io::BufRead;

use super::Value;
use super::stream::{block, bytes, digits, line, long, quoted, text, unescaped};

/// Deepest nesting kept; a state dictionary needs a dozen levels.
const MAX_DEPTH: usize = 64;
/// Most values of a pickle, and of the object that comes out: a small file could describe a huge one by naming its
/// parts again and again.
const MAX_VALUES: usize = 5_000_000;

const DAMAGED: &str = "is damaged: its pickle takes what it never put: fetch it again";

/// Modules that no data needs and attacks do. `builtins` is harmless in parts: see [`BUILTINS`].
const MODULES: [&str; 24] = [
    "os",
    "posix",
    "nt",
    "subprocess",
    "sys",
    "shutil",
    "socket",
    "importlib",
    "runpy",
    "pty",
    "ctypes",
    "webbrowser",
    "urllib",
    "requests",
    "code",
    "codeop",
    "timeit",
    "pdb",
    "pip",
    "commands",
    "multiprocessing",
    "threading",
    "signal",
    "asyncio",
];
/// Functions of Python itself that attacks use.
const BUILTINS: [&str; 12] = [
    "eval",
    "exec",
    "execfile",
    "compile",
    "open",
    "__import__",
    "getattr",
    "setattr",
    "delattr",
    "globals",
    "apply",
    "breakpoint",
];

/// An object by its place in the list of all objects, so that one that is named twice is one.
type Place = usize;

/// An object; what is inside it is named by place, because the program may add to it later.
enum Node {
    Plain(Value),
    Sequence(Vec<Place>),
    Dict(Vec<(Place, Place)>),
    Persistent(Place),
    Call(Place, Place),
}

/// The objects, the stack of those in work, and the marks that group them.
#[derive(Default)]
pub(super) struct Machine {
    nodes: Vec<Node>,
    stack: Vec<Place>,
    marks: Vec<usize>,
    memo: HashMap<u32, Place>,
}

impl Machine {
    /// Follows one instruction.
    pub(super) fn step(&mut self, opcode: u8, stream: &mut impl BufRead) -> Result<(), String> {
        match opcode {
            // Protocol and frames say how the stream is cut, not what is in it.
            0x80 => drop(bytes::<1>(stream)?),
            0x95 => drop(bytes::<8>(stream)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b']' | b')' | 0x8f => self.push(Node::Sequence(Vec::new()))?,
            b't' | b'l' | 0x91 => {
                let items = self.pop_to_mark()?;
                self.push(Node::Sequence(items))?;
            }
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(opcode - 0x84))?;
                self.push(Node::Sequence(items))?;
            }
            b'd' => {
                let items = self.pop_to_mark()?;
                self.push(Node::Dict(pairs(&items)))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.append(&items)?;
            }
            b's' => {
                let items = self.pop_many(2)?;
                self.insert(&items)?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.insert(&items)?;
            }
            b'q' => self.remember(u32::from(bytes::<1>(stream)?[0]))?,
            b'r' => self.remember(u32::from_le_bytes(bytes(stream)?))?,
            b'p' => self.remember(slot(&line(stream)?)?)?,
            0x94 => self.remember(u32::try_from(self.memo.len()).unwrap_or(u32::MAX))?,
            b'h' => self.recall(u32::from(bytes::<1>(stream)?[0]))?,
            b'j' => self.recall(u32::from_le_bytes(bytes(stream)?))?,
            b'g' => self.recall(slot(&line(stream)?)?)?,
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id))?;
            }
            b'P' => {
                let id = line(stream)?;
                self.push(Node::Plain(Value::Text(id)))?;
                let id = self.pop()?;
                self.push(Node::Persistent(id))?;
            }
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.call(function, arguments)?;
            }
            0x92 => {
                let (_named, arguments, function) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(function, arguments)?;
            }
            b'i' => {
                let name = format!("{} {}", line(stream)?, line(stream)?);
                let arguments = self.pop_to_mark()?;
                self.push(global(name)?)?;
                let function = self.pop()?;
                self.push(Node::Sequence(arguments))?;
                let arguments = self.pop()?;
                self.call(function, arguments)?;
            }
            b'o' => {
                let mut items = self.pop_to_mark()?.into_iter();
                let function = items.next().ok_or(DAMAGED)?;
                self.push(Node::Sequence(items.collect()))?;
                let arguments = self.pop()?;
                self.call(function, arguments)?;
            }
            // The state of an object: attributes beside the data.
            b'b' => drop(self.pop()?),
            b'c' => {
                let name = format!("{} {}", line(stream)?, line(stream)?);
                self.push(global(name)?)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Node::Plain(Value::Text(name)), Node::Plain(Value::Text(module))) =
                    (&self.nodes[name], &self.nodes[module])
                else {
                    return Err("names a function by something that is no text".to_owned());
                };
                let name = format!("{module} {name}");
                self.push(global(name)?)?;
            }
            _ => {
                let value = plain(opcode, stream)?;
                self.push(Node::Plain(value))?;
            }
        }
        Ok(())
    }

    /// The object that the program leaves.
    pub(super) fn finish(mut self) -> Result<Value, String> {
        let place = self.pop()?;
        let mut left = MAX_VALUES;
        self.value(place, MAX_DEPTH, &mut left)
    }

    /// An object with all that is inside it. The bounds also end an object that contains itself.
    fn value(&self, place: Place, depth: usize, left: &mut usize) -> Result<Value, String> {
        *left = left.checked_sub(1).ok_or_else(too_many)?;
        let Some(depth) = depth.checked_sub(1) else {
            return Err(format!("nests values more than {MAX_DEPTH} deep, which no data does"));
        };
        let mut inside = |place: &Place| self.value(*place, depth, left);
        Ok(match &self.nodes[place] {
            Node::Plain(value) => value.clone(),
            Node::Sequence(items) => Value::Sequence(items.iter().map(inside).collect::<Result<_, _>>()?),
            Node::Dict(entries) => Value::Dict(
                entries.iter().map(|(key, value)| Ok((inside(key)?, inside(value)?))).collect::<Result<_, String>>()?,
            ),
            Node::Persistent(id) => Value::Persistent(Box::new(inside(id)?)),
            Node::Call(function, arguments) => match (inside(function)?, inside(arguments)?) {
                (Value::Global(name), Value::Sequence(arguments)) => Value::Call(name, arguments),
                _ => Value::Other,
            },
        })
    }

    fn push(&mut self, node: Node) -> Result<(), String> {
        if self.nodes.len() == MAX_VALUES {
            return Err(too_many());
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    fn pop(&mut self) -> Result<Place, String> {
        self.stack.pop().ok_or_else(|| DAMAGED.to_owned())
    }

    fn top(&self) -> Result<Place, String> {
        self.stack.last().copied().ok_or_else(|| DAMAGED.to_owned())
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Place>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or(DAMAGED)?;
        Ok(self.stack.split_off(mark))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Place>, String> {
        let from = self.stack.len().checked_sub(count).ok_or(DAMAGED)?;
        Ok(self.stack.split_off(from))
    }

    fn append(&mut self, items: &[Place]) -> Result<(), String> {
        let top = self.top()?;
        if let Node::Sequence(sequence) = &mut self.nodes[top] {
            sequence.extend_from_slice(items);
        }
        Ok(())
    }

    fn insert(&mut self, items: &[Place]) -> Result<(), String> {
        let top = self.top()?;
        if let Node::Dict(dict) = &mut self.nodes[top] {
            dict.extend(pairs(items));
        }
        Ok(())
    }

    fn remember(&mut self, slot: u32) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), String> {
        self.stack.push(*self.memo.get(&slot).ok_or(DAMAGED)?);
        Ok(())
    }

    /// The description of a call; an ordered dictionary is a dictionary.
    fn call(&mut self, function: Place, arguments: Place) -> Result<(), String> {
        let ordered = matches!(&self.nodes[function],
            Node::Plain(Value::Global(name)) if name == "collections OrderedDict");
        if !ordered {
            return self.push(Node::Call(function, arguments));
        }
        // Python 2 hands over the entries as a list of pairs, Python 3 sets them afterwards.
        let items = |place: &Place| match &self.nodes[*place] {
            Node::Sequence(items) => items.as_slice(),
            _ => &[],
        };
        let entries = items(&arguments).first().map_or(&[][..], items).iter().filter_map(|pair| match items(pair) {
            [key, value] => Some((*key, *value)),
            _ => None,
        });
        let entries = entries.collect();
        self.push(Node::Dict(entries))
    }
}

/// A value without anything inside it.
fn plain(opcode: u8, stream: &mut impl BufRead) -> Result<Value, String> {
    Ok(match opcode {
        b'N' => Value::Nothing,
        0x88 => Value::Int(1),
        0x89 => Value::Int(0),
        b'K' => Value::Int(i64::from(bytes::<1>(stream)?[0])),
        b'M' => Value::Int(i64::from(u16::from_le_bytes(bytes(stream)?))),
        b'J' => Value::Int(i64::from(i32::from_le_bytes(bytes(stream)?))),
        b'I' | b'L' => digits(&line(stream)?)?,
        0x8a => {
            let length = u64::from(bytes::<1>(stream)?[0]);
            long(&block(stream, length)?)
        }
        0x8b => {
            let length = u64::from(u32::from_le_bytes(bytes(stream)?));
            long(&block(stream, length)?)
        }
        b'G' => Value::Float(f64::from_be_bytes(bytes(stream)?)),
        b'F' => {
            let number = line(stream)?;
            Value::Float(number.parse().map_err(|_| format!("has the number {number:?}, which is none"))?)
        }
        0x8c => {
            let length = u64::from(bytes::<1>(stream)?[0]);
            text(stream, length)?
        }
        b'X' => {
            let length = u64::from(u32::from_le_bytes(bytes(stream)?));
            text(stream, length)?
        }
        0x8d => {
            let length = u64::from_le_bytes(bytes(stream)?);
            text(stream, length)?
        }
        b'V' => Value::Text(unescaped(&line(stream)?)?),
        b'S' => Value::Text(quoted(&line(stream)?)?),
        b'U' | b'C' => {
            let length = u64::from(bytes::<1>(stream)?[0]);
            Value::Bytes(block(stream, length)?)
        }
        b'T' | b'B' => {
            let length = u64::from(u32::from_le_bytes(bytes(stream)?));
            Value::Bytes(block(stream, length)?)
        }
        0x8e | 0x96 => {
            let length = u64::from_le_bytes(bytes(stream)?);
            Value::Bytes(block(stream, length)?)
        }
        _ => return Err(format!("has the pickle instruction {opcode:#04x}, which no data needs")),
    })
}

/// A function by its name, unless it is one of those by which programs are attacked.
fn global(name: String) -> Result<Node, String> {
    let (module, function) = name.split_once(' ').unwrap_or((&name, ""));
    let top = module.split('.').next().unwrap_or_default();
    let builtin = matches!(top, "builtins" | "__builtin__" | "__builtins__") && BUILTINS.contains(&function);
    if builtin || MODULES.contains(&top) {
        return Err(format!(
            "asks to run {module}.{function}, which no data needs: it may be an attack; nothing of it was run"
        ));
    }
    Ok(Node::Plain(Value::Global(name)))
}

fn pairs(items: &[Place]) -> Vec<(Place, Place)> {
    items.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value)).collect()
}

fn slot(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| DAMAGED.to_owned())
}

fn too_many() -> String {
    "describes more values than data have".to_owned()
}
