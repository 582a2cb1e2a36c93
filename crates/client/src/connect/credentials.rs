//! Credentials: the login that a client shows to the server.

use std::path::Path;

use async_nats::{Auth, AuthError, ServerAddr};

use crate::settings::{Authentication, Secret};
use crate::trouble::{Reason, Trouble};

/// Fails with a trouble that names the file if it cannot be opened.
pub(super) fn check_readable(path: &Path, what: &str) -> Result<(), Trouble> {
    std::fs::File::open(path)
        .map(|_| ())
        .map_err(|error| unreadable(path, what, &error))
}

fn unreadable(path: &Path, what: &str, error: &std::io::Error) -> Trouble {
    let cause = format!("can't read {what} {}: {error}", path.display());
    Trouble::new(
        Reason::Authentication,
        cause,
        "check the path and its permissions",
    )
}

/// The login as it is sent to the server, loaded from its files. Not `Debug`, because it holds secrets.
pub(super) enum Credentials {
    Anonymous,
    UserPassword { user: String, password: String },
    Token(String),
    Nkey(nkeys::KeyPair),
    Jwt { jwt: String, key: nkeys::KeyPair },
}

impl Credentials {
    /// Reads the files that the settings name.
    pub(super) fn load(authentication: &Authentication, address: &ServerAddr) -> Result<Self, Trouble> {
        Ok(match authentication {
            Authentication::Anonymous => match (address.username(), address.password()) {
                (Some(user), Some(password)) => Self::UserPassword {
                    user: user.to_owned(),
                    password: password.to_owned(),
                },
                (Some(token), None) if !token.is_empty() => Self::Token(token.to_owned()),
                _ => Self::Anonymous,
            },
            Authentication::UserPassword { user, password } => Self::UserPassword {
                user: user.clone(),
                password: read(password, "the password file")?,
            },
            Authentication::Token(token) => Self::Token(read(token, "the token file")?),
            Authentication::NkeySeed(seed) => {
                Self::Nkey(key_of(&read(seed, "the NKey seed file")?, "the NKey seed")?)
            }
            Authentication::Credentials(path) => {
                let content = read(&Secret::File(path.clone()), "the credentials file")?;
                let mut blocks = decorated_blocks(&content);
                let (Some(jwt), Some(seed)) = (blocks.next(), blocks.next()) else {
                    let cause = format!(
                        "{} is no credentials file: it must have a JWT and a seed",
                        path.display()
                    );
                    let remedy = "create one with `nsc generate creds`";
                    return Err(Trouble::new(Reason::Authentication, cause, remedy));
                };
                Self::Jwt {
                    jwt: jwt.to_owned(),
                    key: key_of(seed, "the seed in the credentials file")?,
                }
            }
        })
    }

    /// Answers the server's challenge.
    pub(super) fn answer(&self, nonce: &[u8]) -> Result<Auth, AuthError> {
        let mut auth = Auth::new();
        let sign = |key: &nkeys::KeyPair| key.sign(nonce).map_err(AuthError::new);
        match self {
            Self::Anonymous => {}
            Self::UserPassword { user, password } => {
                auth.username = Some(user.clone());
                auth.password = Some(password.clone());
            }
            Self::Token(token) => auth.token = Some(token.clone()),
            Self::Nkey(key) => {
                auth.nkey = Some(key.public_key());
                auth.signature = Some(sign(key)?);
            }
            Self::Jwt { jwt, key } => {
                auth.jwt = Some(jwt.clone());
                auth.signature = Some(sign(key)?);
            }
        }
        Ok(auth)
    }
}

/// Reads a secret.
fn read(secret: &Secret, what: &str) -> Result<String, Trouble> {
    match secret {
        Secret::Value(value) => Ok(value.clone()),
        Secret::File(path) => std::fs::read_to_string(path)
            .map(|content| content.trim().to_owned())
            .map_err(|error| unreadable(path, what, &error)),
    }
}

/// Reads an NKey pair from its seed.
fn key_of(seed: &str, what: &str) -> Result<nkeys::KeyPair, Trouble> {
    nkeys::KeyPair::from_seed(seed.trim()).map_err(|error| {
        let cause = format!("{what} is damaged: {error}");
        Trouble::new(
            Reason::Authentication,
            cause,
            "a user's seed begins with SU; create one with `nk -gen user`",
        )
    })
}

/// Returns the first line of each block between `-----BEGIN …-----` and `------END …------`.
fn decorated_blocks(content: &str) -> impl Iterator<Item = &str> {
    content.split("-----BEGIN").skip(1).filter_map(|block| {
        let body = block
            .lines()
            .skip(1)
            .map(str::trim)
            .find(|line| !line.is_empty())?;
        (!body.starts_with('-')).then_some(body)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_files_have_two_blocks() {
        let content = "-----BEGIN NATS USER JWT-----\neyJ0.eXAi-_\n------END NATS USER JWT------\n\n\
            ************************* IMPORTANT *************************\nNKEY Seed printed below\n\n\
            -----BEGIN USER NKEY SEED-----\r\nSUABC\r\n------END USER NKEY SEED------\r\n";
        assert_eq!(
            decorated_blocks(content).collect::<Vec<_>>(),
            ["eyJ0.eXAi-_", "SUABC"]
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let authentication = Authentication::Token(Secret::Value("s3cr3t".to_owned()));
        assert!(!format!("{authentication:?}").contains("s3cr3t"));
    }
}
