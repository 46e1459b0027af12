//! Addresses of scenes: which names are addresses, what of them may be shown, and where a server may send us.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use url::Url;

/// Longest name of a file that is made of an address.
const MAX_FILE_NAME_BYTES: usize = 100;
/// What GDAL reads addresses by.
const BY_GDAL: &str = "/vsicurl/";

/// Whether a name is the address of a scene on a server.
#[must_use]
pub fn is_remote(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    ["http://", "https://"]
        .iter()
        .any(|scheme| bytes.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes())))
}

/// A name as logs, reports and file names may hold it: an address without user, password, query and fragment, which are
/// where secrets are; any other name as it is.
#[must_use]
pub fn shown(name: &OsStr) -> OsString {
    let text = name.to_string_lossy();
    let (before, address) = text.strip_prefix(BY_GDAL).map_or(("", text.as_ref()), |address| (BY_GDAL, address));
    if !is_remote(OsStr::new(address)) {
        return name.to_owned();
    }
    let Ok(mut url) = Url::parse(address) else {
        return format!("{before}{}", address.split(['?', '#']).next().unwrap_or_default()).into();
    };
    strip(&mut url);
    url.set_query(None);
    format!("{before}{url}").into()
}

/// Whether a name is an address, or one by GDAL's prefix, that holds what [`shown`] leaves out.
#[must_use]
pub fn has_secrets(name: &OsStr) -> bool {
    let text = name.to_string_lossy();
    let address = text.strip_prefix(BY_GDAL).unwrap_or(&text);
    let holds_some = |url: Url| !url.username().is_empty() || url.password().is_some() || url.query().is_some();
    is_remote(OsStr::new(address)) && Url::parse(address).is_ok_and(holds_some)
}

/// The name by which GDAL reads an address by itself.
#[must_use]
pub fn by_gdal(name: &OsStr) -> OsString {
    let mut direct = OsString::from(BY_GDAL);
    direct.push(name);
    direct
}

/// Takes user, password and fragment out of an address; gives what they were, for a header.
pub(super) fn strip(url: &mut Url) -> Option<(String, String)> {
    url.set_fragment(None);
    let user = url.username().to_owned();
    let password = url.password().unwrap_or_default().to_owned();
    // They fail for addresses without a host only, which are none of ours.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    (!user.is_empty() || !password.is_empty()).then_some((user, password))
}

/// A name for the local copy, with the extension of the original: letters, digits, `.`, `-` and `_` only.
pub(super) fn file_name(url: &Url) -> String {
    let last = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let name: String = last.chars().map(plain).collect();
    let name = name[name.len().saturating_sub(MAX_FILE_NAME_BYTES)..].trim_start_matches('.');
    if name.is_empty() { "scene".to_owned() } else { name.to_owned() }
}

/// Where a redirect leads.
///
/// # Errors
/// Why it is not followed: no scenes are read from local files or by other protocols, and nothing that was asked for in
/// secret is asked for in the open.
pub(super) fn redirected(from: &Url, location: &str) -> Result<Url, String> {
    let to = from.join(location).map_err(|cause| format!("it leads to no address ({cause})"))?;
    if !matches!(to.scheme(), "http" | "https") {
        return Err(format!("it leads to {}: addresses", to.scheme()));
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err("it leads from https to http".to_owned());
    }
    Ok(to)
}

/// The machines behind an address.
pub(super) fn machines(url: &Url) -> std::io::Result<Vec<SocketAddr>> {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    Ok((host, url.port_or_known_default().unwrap_or(0)).to_socket_addrs()?.collect())
}

/// Whether an address is one of this machine or its own network rather than of the internet.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            v4.is_private() || v4.is_loopback() || is_link_local(address) || v4.is_unspecified() || is_shared
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_private(v4.into()),
            None => {
                let is_local = v6.segments()[0] & 0xfe00 == 0xfc00;
                v6.is_loopback() || v6.is_unspecified() || is_local || is_link_local(address)
            }
        },
    }
}

/// Whether an address is one that clouds answer with a machine's own credentials.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => {
            v6.to_ipv4_mapped().is_some_and(|v4| v4.is_link_local()) || v6.segments()[0] & 0xffc0 == 0xfe80
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn fault_54_what_is_shown_of_an_address_holds_no_secrets() {
        let of = |name: &str| shown(OsStr::new(name)).into_string().unwrap();
        assert_eq!(of("https://me:pass@host:8443/a/b.tif?sig=SECRET#x"), "https://host:8443/a/b.tif");
        assert_eq!(of("/vsicurl/https://host/b.tif?sig=SECRET"), "/vsicurl/https://host/b.tif");
        assert_eq!(of("https://host:port/b.tif?sig=SECRET"), "https://host:port/b.tif");
        assert_eq!(of("what?.tif"), "what?.tif");
        assert!(has_secrets(OsStr::new("https://host/b.tif?sig=1")) && has_secrets(OsStr::new("http://me@host/b")));
        assert!(has_secrets(OsStr::new("/vsicurl/https://host/b.tif?sig=1")));
        for plain in ["https://host/b.tif", "/vsicurl/https://host/b.tif", "NETCDF:a.nc?x:b", "a?.tif"] {
            assert!(!has_secrets(OsStr::new(plain)), "{plain}");
        }
    }

    #[test]
    fn addresses_are_told_from_files() {
        for name in ["http://h/a", "HTTPS://h/a"] {
            assert!(is_remote(OsStr::new(name)), "{name}");
        }
        for name in ["http", "http:/a.tif", "a/http://b", "ftp://h/a.tif", "/vsicurl/http://h/a"] {
            assert!(!is_remote(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn the_copy_has_a_harmless_name_with_the_extension_of_the_original() {
        assert_eq!(file_name(&url("https://h/a/T33%20x.tif?y=.exe")), "T33_20x.tif");
        assert_eq!(file_name(&url("https://h/")), "scene");
        assert_eq!(file_name(&url("https://h/.hidden")), "hidden");
        assert_eq!(file_name(&url(&format!("https://h/{}.jp2", "a".repeat(300)))).len(), MAX_FILE_NAME_BYTES);
    }

    #[test]
    fn fault_53_redirects_leave_neither_the_web_nor_https() {
        let from = url("https://h/a/b.tif");
        assert_eq!(redirected(&from, "../c.tif").unwrap().as_str(), "https://h/c.tif");
        for wrong in ["file:///etc/passwd", "ftp://h/a", "http://h/a.tif", "gopher://h"] {
            assert!(redirected(&from, wrong).is_err(), "{wrong}");
        }
        assert!(redirected(&url("http://h/a"), "https://h/a").is_ok());
    }

    #[test]
    fn fault_53_private_addresses_are_known_in_every_spelling() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["8.8.8.8", "2001:4860:4860::8888", "100.128.0.1"] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
        assert!(is_link_local("::ffff:169.254.169.254".parse().unwrap()));
    }
}
