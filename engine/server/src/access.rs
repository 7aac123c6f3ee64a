//! Who may speak for which namespace.
//!
//! A key file lists API keys by the SHA-256 of their secrets, so that whoever reads the file learns none of them:
//!
//! ```toml
//! [[key]]
//! name = "shop's workers"
//! sha256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
//! namespaces = ["shop", "shop-test"]
//!
//! [[key]]
//! name = "operators"
//! sha256 = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
//! everything = true
//! ```
//!
//! A caller shows its secret as SDKs do, in the header `authorization: Bearer SECRET`. Without a key file everybody may
//! do everything.

use std::{collections::BTreeSet, sync::Arc};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use steadfast_core::{Rejection, namespace::SYSTEM_NAMESPACE};
use subtle::ConstantTimeEq as _;
use tonic::Status;

/// What a caller may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everything, also to the namespaces themselves.
    Everything,
    /// Everything in these namespaces.
    Namespaces(Arc<BTreeSet<String>>),
}

tokio::task_local! {
    /// What the caller of the call that is being answered may do.
    static CALLER: Access;
}

/// Answers a call on behalf of one who may do this.
pub(crate) async fn on_behalf_of<F: Future>(access: Access, answer: F) -> F::Output {
    CALLER.scope(access, answer).await
}

/// Refuses a caller who may not do anything in this namespace. The server itself may.
pub(crate) fn check(namespace: &str) -> Result<(), Rejection> {
    let allowed = CALLER.try_with(|access| match access {
        Access::Everything => true,
        Access::Namespaces(names) => namespace != SYSTEM_NAMESPACE && names.contains(namespace),
    });
    if allowed.unwrap_or(true) {
        Ok(())
    } else {
        Err(Rejection::PermissionDenied(
            "Request unauthorized.".to_owned(),
        ))
    }
}

/// Whether this caller may look after namespaces.
pub(crate) fn check_everything() -> Result<(), Rejection> {
    check(SYSTEM_NAMESPACE)
}

/// Why a key file is none.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    /// It is not the TOML that it should be.
    #[error("{0}")]
    Format(#[from] toml::de::Error),
    /// A key does not say what it should.
    #[error("key {name:?}: {why}")]
    Key {
        /// Which key.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
}

/// The keys that callers may show.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    digest: [u8; 32],
    access: Access,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    key: Vec<KeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    name: String,
    sha256: String,
    #[serde(default)]
    namespaces: BTreeSet<String>,
    #[serde(default)]
    everything: bool,
}

impl Keys {
    /// Reads a key file.
    ///
    /// # Errors
    /// With the place, or the key, that is wrong.
    pub fn parse(text: &str) -> Result<Self, BadKeys> {
        let file: KeyFile = toml::from_str(text)?;
        file.key
            .into_iter()
            .map(key)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What the one who shows this header may do. Every key is looked at, each in constant time, so that the time
    /// tells nothing.
    pub(crate) fn verify(&self, authorization: Option<&[u8]>) -> Result<Access, Status> {
        let refused = || Status::unauthenticated("Request unauthorized: show a known API key");
        let secret = authorization
            .and_then(|header| header.strip_prefix(b"Bearer "))
            .ok_or_else(refused)?;
        let shown: [u8; 32] = Sha256::digest(secret).into();
        let mut access = None;
        for key in &self.0 {
            if bool::from(key.digest.ct_eq(&shown)) {
                access = Some(key.access.clone());
            }
        }
        access.ok_or_else(refused)
    }
}

fn key(entry: KeyEntry) -> Result<Key, BadKeys> {
    let bad = |why| BadKeys::Key {
        name: entry.name.clone(),
        why,
    };
    let digest = digest(&entry.sha256).ok_or_else(|| {
        bad("sha256 is 64 hexadecimal digits, as of `printf %s SECRET | sha256sum`")
    })?;
    let access = match (entry.everything, entry.namespaces.is_empty()) {
        (true, true) => Access::Everything,
        (false, false) => Access::Namespaces(Arc::new(entry.namespaces.clone())),
        _ => return Err(bad("it says either `namespaces` or `everything = true`")),
    };
    Ok(Key { digest, access })
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [[key]]
        name = "workers"
        sha256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
        namespaces = ["shop"]
        [[key]]
        name = "operators"
        sha256 = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
        everything = true
    "#;

    #[test]
    fn a_secret_opens_what_its_key_names() {
        let keys = Keys::parse(FILE).unwrap();
        let workers = keys.verify(Some(b"Bearer a")).unwrap();
        assert_eq!(
            workers,
            Access::Namespaces(Arc::new(["shop".to_owned()].into()))
        );
        assert_eq!(keys.verify(Some(b"Bearer b")).unwrap(), Access::Everything);
        for shown in [
            None,
            Some(&b"a"[..]),
            Some(b"Bearer "),
            Some(b"Bearer c"),
            Some(b"bearer a"),
        ] {
            assert_eq!(
                keys.verify(shown).unwrap_err().code(),
                tonic::Code::Unauthenticated
            );
        }
    }

    #[tokio::test]
    async fn a_caller_stays_in_its_namespaces() {
        let shop = Access::Namespaces(Arc::new(["shop".to_owned()].into()));
        on_behalf_of(shop, async {
            check("shop").unwrap();
            check("bank").unwrap_err();
            check_everything().unwrap_err();
        })
        .await;
        on_behalf_of(Access::Everything, async { check_everything().unwrap() }).await;
        check("bank").unwrap();
    }

    #[test]
    fn a_bad_key_file_says_what_is_wrong() {
        for (from, to, expected) in [
            ("sha256 = \"ca", "sha256 = \"xx", "64 hexadecimal digits"),
            ("namespaces = [\"shop\"]", "", "either `namespaces`"),
            ("everything = true", "everything = 1", "expected a boolean"),
            (
                "name = \"workers\"",
                "nam = \"workers\"",
                "unknown field `nam`",
            ),
        ] {
            let error = Keys::parse(&FILE.replace(from, to))
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
