//! The change from root to the account of the configuration.

use std::ffi::CString;
use std::fmt;

use nix::errno::Errno;
use nix::unistd::{User, geteuid, initgroups, setgid, setuid};

use crate::catalogue::{Quirk, Release, options};
use crate::model::Deployment;

/// The account that is taken without a `user` line, and the one in its place where it does not exist.
const DEFAULT: &str = "mosquitto";
const FALLBACK: &str = "nobody";

/// What became of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    /// It was not started by root, so that `user` does not count.
    NotRoot,
    /// It stays root, as configured.
    StaysRoot,
    /// It runs as this account.
    To(String),
}

/// Why the process could not change its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DropError {
    /// There is no such account.
    Unknown(String),
    /// The system refused.
    Refused {
        /// What was asked of it.
        call: &'static str,
        /// Its answer.
        reason: Errno,
    },
}

impl DropError {
    /// The status that a release ends with.
    pub(super) fn exit_code(&self, release: Release) -> u8 {
        match self {
            Self::Unknown(_) if release.has(Quirk::UnknownAccountInvalid) => 3,
            Self::Unknown(_) | Self::Refused { .. } => 1,
        }
    }
}

impl fmt::Display for DropError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(user) => write!(f, "there is no account `{user}` to run as"),
            Self::Refused { call, reason } => {
                write!(f, "cannot change the account: {call}: {}", reason.desc())
            }
        }
    }
}

impl std::error::Error for DropError {}

/// The account that started this process.
pub(super) fn started_by() -> String {
    if geteuid().is_root() {
        return "root".to_owned();
    }
    User::from_uid(geteuid()).ok().flatten().map_or_else(|| FALLBACK.to_owned(), |user| user.name)
}

/// The account that a deployment asks for.
pub(super) fn wanted(deployment: &Deployment) -> &str {
    deployment.global.text(options::USER).map_or(DEFAULT, |user| user.value)
}

/// Gives up root for `user`, with the groups of that account, in the whole process.
pub(super) fn drop_to(user: &str) -> Result<Dropped, DropError> {
    if !geteuid().is_root() {
        return Ok(Dropped::NotRoot);
    }
    if user == "root" {
        return Ok(Dropped::StaysRoot);
    }
    let found = account(user)?.or(if user == DEFAULT { account(FALLBACK)? } else { None });
    let account = found.ok_or_else(|| DropError::Unknown(user.to_owned()))?;
    let refused = |call| move |reason| DropError::Refused { call, reason };
    let name = CString::new(account.name.as_str()).map_err(|_| DropError::Unknown(user.to_owned()))?;
    // The groups first: without root they can no longer be changed.
    initgroups(&name, account.gid).map_err(refused("initgroups"))?;
    setgid(account.gid).map_err(refused("setgid"))?;
    setuid(account.uid).map_err(refused("setuid"))?;
    Ok(Dropped::To(account.name))
}

fn account(name: &str) -> Result<Option<User>, DropError> {
    User::from_name(name).map_err(|reason| DropError::Refused { call: "getpwnam", reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_account_changes_nothing() {
        let before = geteuid();
        let expected = match before.is_root() {
            true => Err(DropError::Unknown("no-such-account".to_owned())),
            false => Ok(Dropped::NotRoot),
        };
        assert_eq!(drop_to("no-such-account"), expected);
        assert_eq!(geteuid(), before);
        if before.is_root() {
            assert_eq!(drop_to("root"), Ok(Dropped::StaysRoot));
        }
    }

    #[test]
    fn exit_codes_of_releases() {
        let unknown = DropError::Unknown("x".to_owned());
        let refused = DropError::Refused { call: "setuid", reason: Errno::EPERM };
        let codes = [Release::new(2, 0, 21), Release::new(2, 1, 2)]
            .map(|release| (unknown.exit_code(release), refused.exit_code(release)));
        assert_eq!(codes, [(1, 1), (3, 1)]);
    }
}
