//! Checksums that servers send along, and whether a file has them.
//!
//! An `ETag` is none of them: that it looks like an MD5 means nothing where objects were uploaded in parts or are stored
//! encrypted.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha2::{Digest, Sha256};

/// What a whole file must hash to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Checksum {
    /// `Content-MD5`, Google's `x-goog-hash`.
    Md5(Vec<u8>),
    /// `Repr-Digest`, `Digest`, Amazon's `x-amz-checksum-sha256`.
    Sha256(Vec<u8>),
}

impl Checksum {
    /// All that the headers of a reply with the whole file promise; what cannot be understood promises nothing.
    pub(super) fn promised<'a>(headers: impl Fn(&str) -> Vec<&'a str>) -> Vec<Self> {
        let mut found = Vec::new();
        let mut take = |kind: fn(Vec<u8>) -> Self, text: &str, bytes: usize| {
            let hash = STANDARD.decode(text.trim()).ok().filter(|hash| hash.len() == bytes);
            found.extend(hash.map(kind));
        };
        headers("content-md5").iter().for_each(|text| take(Self::Md5, text, 16));
        headers("x-amz-checksum-sha256").iter().for_each(|text| take(Self::Sha256, text, 32));
        for (header, md5, sha256) in
            [("x-goog-hash", "md5", ""), ("digest", "md5", "sha-256"), ("repr-digest", "", "sha-256")]
        {
            for part in headers(header).iter().flat_map(|line| line.split(',')) {
                let Some((name, value)) = part.trim().split_once('=') else { continue };
                let value = value.trim_matches(':');
                if name.eq_ignore_ascii_case(md5) {
                    take(Self::Md5, value, 16);
                } else if name.eq_ignore_ascii_case(sha256) {
                    take(Self::Sha256, value, 32);
                }
            }
        }
        found
    }

    /// Whether a file has it.
    pub(super) fn holds(&self, path: &Path) -> io::Result<bool> {
        match self {
            Self::Md5(hash) => Ok(hashed::<Md5>(path)? == *hash),
            Self::Sha256(hash) => Ok(hashed::<Sha256>(path)? == *hash),
        }
    }
}

/// The SHA-256 of a file in hexadecimal.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    Ok(hashed::<Sha256>(path)?.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn hashed<H: Digest>(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut hasher = H::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().to_vec()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MD5 and SHA-256 of "abc", as the standards give them.
    const MD5: &str = "kAFQmDzST7DWlj99KOF/cg==";
    const SHA256: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

    #[test]
    fn checksums_of_every_kind_of_header_are_found_and_hold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for (header, value, count) in [
            ("content-md5", MD5.to_owned(), 1),
            ("x-amz-checksum-sha256", SHA256.to_owned(), 1),
            ("x-goog-hash", format!("crc32c=NrcI9g==,md5={MD5}"), 1),
            ("digest", format!("SHA-256={SHA256},md5={MD5}"), 2),
            ("repr-digest", format!("sha-512=:AAAA:, sha-256=:{SHA256}:"), 1),
            // A hash of hashes of parts, nonsense, a hash that is cut.
            ("x-amz-checksum-sha256", format!("{SHA256}-4"), 0),
            ("content-md5", "!".to_owned(), 0),
            ("content-md5", "kAFQmDzST7A=".to_owned(), 0),
        ] {
            let headers = |name: &str| if name == header { vec![value.as_str()] } else { Vec::new() };
            let found = Checksum::promised(headers);
            assert_eq!(found.len(), count, "{header}: {value}");
            std::fs::write(&path, "abc").unwrap();
            assert!(found.iter().all(|sum| sum.holds(&path).unwrap()), "{header}");
            std::fs::write(&path, "abd").unwrap();
            assert!(found.iter().all(|sum| !sum.holds(&path).unwrap()), "{header}");
        }
    }
}
