//! Who may ask.
//!
//! On a loopback address without a token: whoever is on this machine, but not web pages from elsewhere
//! that a browser here has open (the Host header must name this machine, against DNS rebinding). With a
//! token: who gives it, as `Authorization: Bearer TOKEN` or once in the login form, which sets a cookie
//! that scripts cannot read. The token is kept as its hash, compared in constant time, and never
//! printed.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Error, Result};

/// Name of the cookie.
pub const COOKIE_NAME: &str = "foreshock";
/// Fewest characters of a token.
const SHORTEST: usize = 16;

/// A secret that lets one in.
#[derive(Clone)]
pub struct Token {
    hash: [u8; 32],
    session: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(hidden)")
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

impl Token {
    /// A token; blanks around it do not count.
    ///
    /// # Errors
    /// [`Error::Input`] when it is too short to be one, or holds what no header may hold.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.len() < SHORTEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let expected = format!("at least {SHORTEST} printable characters without blanks");
            return Err(Error::input("token", "(not shown)", expected));
        }
        // The cookie is not the token, so that a stolen one does not tell it.
        let session = hash(&[b"foreshock session ", text.as_bytes()]);
        let session = session.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { hash: hash(&[text.as_bytes()]), session })
    }

    /// Whether `given` is this token.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        hash(&[given.trim().as_bytes()]).ct_eq(&self.hash).into()
    }

    /// The header that sets the cookie.
    #[must_use]
    pub fn cookie(&self) -> String {
        format!("{COOKIE_NAME}={}; HttpOnly; SameSite=Strict; Path=/", self.session)
    }

    fn is_session(&self, given: &str) -> bool {
        // Hashed again, so that the comparison is of equal lengths.
        hash(&[given.as_bytes()]).ct_eq(&hash(&[self.session.as_bytes()])).into()
    }

    /// Whether a request brings the token or the cookie.
    #[must_use]
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|value| value.to_str().ok());
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        bearer.filter_map(|value| value.strip_prefix("Bearer ")).any(|given| self.is(given))
            || cookies
                .flat_map(|value| value.split(';'))
                .filter_map(|pair| pair.trim().split_once('='))
                .any(|(name, value)| name == COOKIE_NAME && self.is_session(value))
    }
}

/// Whether the request was addressed to this machine by one of its own names.
#[must_use]
pub fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|value| value.to_str().ok()) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header"));
        headers
    }

    #[test]
    fn token_or_cookie_admit_and_nothing_else() {
        let token = Token::new(" 0123456789abcdef\n").expect("long enough");
        assert!(token.admits(&headers("authorization", "Bearer 0123456789abcdef")));
        let cookie = token.cookie();
        let pair = cookie.split(';').next().expect("a pair");
        assert!(token.admits(&headers("cookie", &format!("other=1; {pair}"))));
        for (name, value) in [
            ("authorization", "Bearer 0123456789abcdeF"),
            ("authorization", "Bearer "),
            ("authorization", "0123456789abcdef"),
            ("cookie", "foreshock=0123456789abcdef"),
            ("cookie", "foreshock="),
        ] {
            assert!(!token.admits(&headers(name, value)), "{name}: {value}");
        }
        assert!(!token.admits(&HeaderMap::new()));
        assert!(!cookie.contains("0123456789abcdef") && !format!("{token:?}").contains("0123"));
    }

    #[test]
    fn weak_tokens_are_refused_without_being_shown() {
        for weak in ["", "short", "with blanks in between", "0123456789abcdeé"] {
            let message = Token::new(weak).expect_err(weak).to_string();
            assert_eq!(
                message,
                "token = '(not shown)': expected at least 16 printable characters without blanks"
            );
        }
    }

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:1", "127.8.0.1", "[::1]:8080", "[::1]"] {
            assert!(is_local(&headers("host", host)), "{host}");
        }
        for host in ["evil.example:8080", "localhost.evil.example", "127.0.0.1.evil", "10.0.0.1", ""] {
            assert!(!is_local(&headers("host", host)), "{host}");
        }
        assert!(!is_local(&HeaderMap::new()));
    }
}
