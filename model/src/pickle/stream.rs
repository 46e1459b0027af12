//! The arguments of pickle instructions: numbers, lines and texts.

use std::io::{BufRead, Read};

use super::Value;

pub(super) const CUT_SHORT: &str = "is cut short: fetch it again";

/// The longest line of protocol 0 that is read.
const MAX_LINE_BYTES: u64 = 16 << 20;

pub(super) fn bytes<const N: usize>(stream: &mut impl Read) -> Result<[u8; N], String> {
    let mut buffer = [0; N];
    stream.read_exact(&mut buffer).map_err(|_| CUT_SHORT.to_owned())?;
    Ok(buffer)
}

/// So many bytes; memory is taken only as they come.
pub(super) fn block(stream: &mut impl Read, length: u64) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    stream.take(length).read_to_end(&mut content).map_err(|cause| cause.to_string())?;
    if content.len() as u64 != length {
        return Err(CUT_SHORT.to_owned());
    }
    Ok(content)
}

/// A text of so many bytes.
pub(super) fn text(stream: &mut impl Read, length: u64) -> Result<Value, String> {
    let content = block(stream, length)?;
    String::from_utf8(content).map(Value::Text).map_err(|_| "has a text that is not UTF-8".to_owned())
}

/// The rest of a line, without its end.
pub(super) fn line(stream: &mut impl BufRead) -> Result<String, String> {
    let mut content = Vec::new();
    stream.take(MAX_LINE_BYTES).read_until(b'\n', &mut content).map_err(|cause| cause.to_string())?;
    if content.pop() != Some(b'\n') {
        return Err(CUT_SHORT.to_owned());
    }
    // Python 2 wrote strings in whatever bytes they had.
    Ok(String::from_utf8(content).unwrap_or_else(|cause| cause.into_bytes().into_iter().map(char::from).collect()))
}

/// A whole number in little-endian bytes; one beyond 64 bits is not kept.
pub(super) fn long(raw: &[u8]) -> Value {
    if raw.len() > 8 {
        return Value::Other;
    }
    let filler = if raw.last().is_some_and(|top| top & 0x80 != 0) { 0xff } else { 0 };
    let mut padded = [filler; 8];
    padded[..raw.len()].copy_from_slice(raw);
    Value::Int(i64::from_le_bytes(padded))
}

/// A whole number as protocol 0 writes it: in digits, with an `L` behind a long one.
pub(super) fn digits(text: &str) -> Result<Value, String> {
    let number = text.strip_suffix('L').unwrap_or(text);
    match number.parse() {
        Ok(value) => Ok(Value::Int(value)),
        Err(_) if number.strip_prefix('-').unwrap_or(number).bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(Value::Other)
        }
        Err(_) => Err(format!("has the number {text:?}, which is none")),
    }
}

/// A string between quotes as Python 2 printed it.
pub(super) fn quoted(text: &str) -> Result<String, String> {
    let wrong = || "has a string without its quotes".to_owned();
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"')).ok_or_else(wrong)?;
    let inner = text[1..].strip_suffix(quote).ok_or_else(wrong)?;
    let mut raw = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            raw.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match chars.next() {
            Some('n') => raw.push(b'\n'),
            Some('t') => raw.push(b'\t'),
            Some('r') => raw.push(b'\r'),
            Some('x') => raw.push(hexadecimal(&mut chars, 2)? as u8),
            Some(plain @ ('\\' | '\'' | '"')) => raw.push(plain as u8),
            _ => return Err("has a string with an unknown escape".to_owned()),
        }
    }
    Ok(String::from_utf8(raw).unwrap_or_else(|cause| cause.into_bytes().into_iter().map(char::from).collect()))
}

/// A line in Python's raw-unicode-escape: only `\uXXXX` and `\UXXXXXXXX` are escapes.
pub(super) fn unescaped(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let mut chars = rest[at + 1..].chars();
        let digits = match chars.next() {
            Some('u') => 4,
            Some('U') => 8,
            _ => 0,
        };
        if digits == 0 {
            plain.push('\\');
            rest = &rest[at + 1..];
            continue;
        }
        let code = hexadecimal(&mut chars, digits)?;
        plain.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = chars.as_str();
    }
    plain.push_str(rest);
    Ok(plain)
}

fn hexadecimal(chars: &mut std::str::Chars<'_>, digits: usize) -> Result<u32, String> {
    let text: String = chars.take(digits).collect();
    let whole = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let code = whole.then(|| u32::from_str_radix(&text, 16).ok()).flatten();
    code.ok_or_else(|| "has a string with a damaged escape".to_owned())
}
