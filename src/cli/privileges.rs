//! The account that the broker runs as.

use crate::catalogue::Release;

/// Why the account cannot be taken.
pub(super) struct Refused {
    /// The status to end with.
    pub(super) status: u8,
    /// Why, in words.
    pub(super) reason: String,
}

/// The account that started this process.
pub(super) fn account() -> String {
    if rustix::process::geteuid().is_root() {
        return "root".to_owned();
    }
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid());
    user.ok().flatten().map_or_else(|| "nobody".to_owned(), |user| user.name)
}

pub(super) fn drop_to(_: &str, _: Release) -> Result<(), Refused> {
    Ok(())
}
