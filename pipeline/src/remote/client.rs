//! Asks a server once: certificates, time limits, and which redirects are followed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ClientConfig, RootCertStore};
use ureq::{AgentBuilder, ErrorKind, Response};
use url::Url;

use super::address::{is_link_local, is_private, machines, redirected, strip};
use super::error::RemoteErrorKind;
use super::patience::Patience;

/// Redirects that are followed one after the other.
const MAX_REDIRECTS: usize = 5;

/// Why one try came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may work another time, not before so long.
    Again(String, Option<Duration>),
    /// It will not.
    Never(RemoteErrorKind),
}

impl Failure {
    pub(super) fn again(reason: impl Into<String>) -> Self {
        Self::Again(reason.into(), None)
    }
}

/// Asks for one scene, again and again if need be.
pub(super) struct Client {
    url: Url,
    login: Option<String>,
    tls: Arc<ClientConfig>,
    patience: Patience,
}

impl Client {
    pub(super) fn new(mut url: Url, patience: Patience) -> Result<Self, RemoteErrorKind> {
        let login = strip(&mut url);
        let login = login.map(|(user, password)| format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        let tls =
            Arc::new(if url.scheme() == "https" { trusting_the_system() } else { trusting(RootCertStore::empty()) }?);
        Ok(Self { url, login, tls, patience })
    }

    /// One try: a reply with a body, or why there is none.
    pub(super) fn get(&self, headers: &[(&str, String)]) -> Result<Response, Failure> {
        let mut url = self.url.clone();
        let mut first_is_private = None;
        for _ in 0..=MAX_REDIRECTS {
            let found = machines(&url).map_err(|cause| Failure::again(format!("no such server: {cause}")))?;
            let own = *first_is_private.get_or_insert_with(|| found.iter().any(|machine| is_private(machine.ip())));
            self.refuse(&url, &found, own)?;
            let response = self.ask(&url, found, headers)?;
            match response.status() {
                301 | 302 | 303 | 307 | 308 => {
                    let location = response.header("location").unwrap_or_default();
                    let refused = |reason| Failure::Never(RemoteErrorKind::Redirect(reason));
                    url = redirected(&url, location).map_err(refused)?;
                }
                200 | 206 => return Ok(response),
                status @ (408 | 425 | 429 | 500..=599) => {
                    return Err(Failure::Again(format!("the server says {status}"), retry_after(&response)));
                }
                // The part that was asked for is not there: the file is another, or the server is confused.
                416 => return Err(Failure::again("the server says 416")),
                status => return Err(Failure::Never(RemoteErrorKind::Status(status))),
            }
        }
        Err(Failure::Never(RemoteErrorKind::Redirect(format!("there are more than {MAX_REDIRECTS}"))))
    }

    /// Refuses to be sent from the internet into the network behind this machine, and to where clouds keep secrets.
    fn refuse(&self, url: &Url, found: &[SocketAddr], own: bool) -> Result<(), Failure> {
        if url.host_str() == self.url.host_str() {
            return Ok(());
        }
        let wrong = found.iter().any(|machine| is_link_local(machine.ip()) || !own && is_private(machine.ip()));
        let refused = || Failure::Never(RemoteErrorKind::Redirect("it leads to a private address".to_owned()));
        if wrong { Err(refused()) } else { Ok(()) }
    }

    fn ask(&self, url: &Url, found: Vec<SocketAddr>, headers: &[(&str, String)]) -> Result<Response, Failure> {
        let Patience { connect, stall, .. } = self.patience;
        // The machines that were looked at are those that are asked, whatever the name means by now.
        let agent = AgentBuilder::new()
            .redirects(0)
            .timeout_connect(connect)
            .timeout_read(stall)
            .timeout_write(stall)
            .resolver(move |_: &str| Ok(found.clone()))
            .tls_config(self.tls.clone())
            .user_agent(concat!("geophrase/", env!("CARGO_PKG_VERSION")))
            .build();
        let mut request = agent.request_url("GET", url).set("Accept-Encoding", "identity");
        for (name, value) in headers {
            request = request.set(name, value);
        }
        let same =
            (url.scheme(), url.host_str(), url.port()) == (self.url.scheme(), self.url.host_str(), self.url.port());
        if let Some(login) = self.login.as_ref().filter(|_| same) {
            request = request.set("Authorization", login);
        }
        match request.call() {
            Ok(response) | Err(ureq::Error::Status(_, response)) => Ok(response),
            // Its own text holds the whole address.
            Err(ureq::Error::Transport(transport)) => {
                if let Some(reason) = bad_certificate(&transport) {
                    return Err(Failure::Never(RemoteErrorKind::Certificate(reason)));
                }
                let cause = std::error::Error::source(&transport).map(ToString::to_string);
                let reason = cause.unwrap_or_else(|| in_words(transport.kind()).to_owned());
                Err(Failure::again(format!("no reply: {reason}")))
            }
        }
    }
}

/// What is wrong with the certificate of a server, if that is what is wrong.
fn bad_certificate(error: &ureq::Transport) -> Option<String> {
    let source = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
    match source.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(reason) => Some(format!("{reason:?}")),
        _ => None,
    }
}

fn in_words(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Dns => "no such server",
        ErrorKind::ConnectionFailed => "no connection",
        ErrorKind::BadStatus | ErrorKind::BadHeader => "what came is no HTTP",
        _ => "the connection broke",
    }
}

/// How long the server asks to wait: seconds; dates are not understood.
fn retry_after(response: &Response) -> Option<Duration> {
    response.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

fn trusting_the_system() -> Result<ClientConfig, RemoteErrorKind> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map_or_else(|| "it has no certificates".to_owned(), ToString::to_string);
        return Err(RemoteErrorKind::NoTls(reason));
    }
    trusting(roots)
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, RemoteErrorKind> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|cause| RemoteErrorKind::NoTls(cause.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A part of a second that differs from process to process, so that many do not ask at once.
pub(super) fn jitter() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(u64::from(now.subsec_micros() % 500))
}
