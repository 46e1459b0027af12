//! Why a scene on a server cannot be had, and what the caller should conclude from it.

use crate::exit::Exit;
use crate::machine::bytes_in_words;

/// Why a scene on a server cannot be had. Addresses in it hold no secrets.
#[derive(Debug, thiserror::Error)]
#[error("cannot fetch scene {address}: {}", .kind)]
pub struct RemoteError {
    /// The scene.
    pub address: String,
    /// What is wrong.
    pub kind: RemoteErrorKind,
}

/// What is wrong with a scene on a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteErrorKind {
    /// The name is no address.
    #[error("it is no address ({0})")]
    NoAddress(String),
    /// The server knows it and has it not.
    #[error("the server says {0}")]
    Status(u16),
    /// The server is not who it says, as far as this machine can tell.
    #[error("the certificate of the server is not trusted ({0})")]
    Certificate(String),
    /// The server could not be reached or did not send it whole, however often it was asked.
    #[error("{reason}, after {tries} tries: try again later")]
    Unreachable {
        /// What went wrong last.
        reason: String,
        /// How often it was tried.
        tries: u32,
    },
    /// It was another each time it was asked for.
    #[error("it changed twice while it was fetched: try again later")]
    Changing,
    /// The server sends us where we do not go.
    #[error("a redirect is not followed: {0}")]
    Redirect(String),
    /// It is larger than it may be.
    #[error("it has {}, more than the {} that --max-download allows", bytes_in_words(*.bytes), bytes_in_words(*.most))]
    TooLarge {
        /// Its length, or how much came before it was given up.
        bytes: u64,
        /// How long it may be.
        most: u64,
    },
    /// Nothing tells whether all of it came.
    #[error("the server tells neither its length nor its end: fetch it by other means, or give --scene-sha256")]
    NoLength,
    /// It is not what the user said it is.
    #[error("its SHA-256 is {found}, not the one given")]
    OtherContent {
        /// Its SHA-256.
        found: String,
    },
    /// Scenes from strangers do not come from servers.
    #[error("--untrusted takes no addresses: fetch it first")]
    Untrusted,
    /// A plan would hold a secret.
    #[error("a plan would hold its password, or what follows the ? of its address: fetch it first")]
    Secret,
    /// The folder for copies has too little room.
    #[error("it has {}, and {folder} has {} free: name another folder with --scratch",
        bytes_in_words(*.bytes), bytes_in_words(*.free))]
    NoRoom {
        /// Its length.
        bytes: u64,
        /// The folder.
        folder: String,
        /// What is free there.
        free: u64,
    },
    /// The certificates of this machine, or the client itself, do not work.
    #[error("no secure connections on this machine ({0})")]
    NoTls(String),
}

impl RemoteErrorKind {
    /// The error for a scene.
    pub(super) fn of(self, address: &str) -> RemoteError {
        RemoteError { address: address.to_owned(), kind: self }
    }
}

impl RemoteError {
    /// The exit code to end with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match &self.kind {
            RemoteErrorKind::NoAddress(_) | RemoteErrorKind::Secret => Exit::Usage,
            RemoteErrorKind::Status(_) | RemoteErrorKind::Certificate(_) => Exit::UnreadableScene,
            RemoteErrorKind::Unreachable { .. } | RemoteErrorKind::Changing => Exit::TryAgain,
            RemoteErrorKind::NoRoom { .. } => Exit::WriteFailed,
            RemoteErrorKind::NoTls(_) => Exit::Config,
            _ => Exit::UnusableScene,
        }
    }
}
