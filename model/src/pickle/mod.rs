//! The data in a pickle, without its programs.
//!
//! A pickle is a small program that builds objects by calling whatever function it names. This reader follows the
//! program and keeps plain data; a call is kept as a description of the call, and nothing is ever run. A pickle that
//! names a function by which programs are attacked is refused outright, so that its owner learns of it. Weight files
//! ([`crate::weights`]) and the lists of some data sets ([`crate::dataset`]) are pickles.

mod machine;
mod stream;

use std::io::BufRead;

use machine::Machine;

/// A value as far as weights and lists need it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Python's `None`.
    Nothing,
    /// A whole number; a truth value is 0 or 1.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(String),
    /// Bytes that are no text.
    Bytes(Vec<u8>),
    /// A function or class by name, `module name`.
    Global(String),
    /// A tuple, list or set.
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

impl Value {
    /// The value under a key of a dictionary; the last one where a key was set twice, as Python has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Dict(entries) = self else { return None };
        let entry = entries.iter().rev().find(|(name, _)| matches!(name, Self::Text(name) if name == key));
        entry.map(|(_, value)| value)
    }

    /// The values directly inside this one.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Sequence(items) | Self::Call(_, items) => items.iter().collect(),
            Self::Dict(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
            Self::Persistent(id) => vec![id],
            _ => Vec::new(),
        }
    }

    /// A whole number.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A text; the bytes of Python 2's strings are one, too.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The items of a tuple or list.
    pub(crate) fn as_sequence(&self) -> Option<&[Self]> {
        match self {
            Self::Sequence(items) => Some(items),
            _ => None,
        }
    }
}

/// The object that the next pickle of a stream describes, in any protocol from 0 to 5.
///
/// # Errors
/// A pickle that is cut short, uses what no data needs, or names a function by which programs are attacked.
pub(crate) fn read(stream: &mut impl BufRead) -> Result<Value, String> {
    let mut machine = Machine::default();
    loop {
        let [opcode] = stream::bytes::<1>(stream)?;
        if opcode == b'.' {
            return machine.finish();
        }
        machine.step(opcode, stream)?;
    }
}

#[cfg(test)]
mod tests;
