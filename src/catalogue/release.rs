//! Releases, targets and quirks.

use std::fmt;
use std::str::FromStr;

include!(concat!(env!("OUT_DIR"), "/releases.rs"));

/// A release of Mosquitto.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Release {
    major: u16,
    minor: u16,
    patch: u16,
}

impl Release {
    /// The release `major.minor.patch`.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The releases whose behaviour was observed, oldest first.
    pub fn known() -> &'static [Release] {
        KNOWN
    }

    /// The newest release whose behaviour was observed.
    pub fn newest() -> Release {
        KNOWN[KNOWN.len() - 1]
    }

    /// Whether this very release was observed; otherwise what is said of it is inferred from its neighbours.
    pub fn is_observed(self) -> bool {
        KNOWN.contains(&self)
    }

    /// Whose build of this very release was observed, if it was.
    pub fn observed_build(self) -> Option<&'static str> {
        KNOWN.iter().position(|known| *known == self).map(|index| BUILDS[index])
    }

    /// Whether the release behaves in a way that is named in `grammar/releases.yaml`.
    pub fn has(self, quirk: Quirk) -> bool {
        let (first, last) = quirk.range();
        first <= self && last.is_none_or(|last| self <= last)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// What a user names as a target: one release, or a line of releases (`2.0`): each known one of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: String,
    releases: Vec<Release>,
}

impl Target {
    /// The releases that are meant, oldest first; never empty.
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// Whether a release is meant, observed or not: all of a line are, where a line is named.
    pub fn includes(&self, release: Release) -> bool {
        let mut parts = self.text.split('.').filter_map(|part| part.parse::<u16>().ok());
        let line = (parts.next(), parts.next());
        let patch = parts.next();
        line == (Some(release.major), Some(release.minor)) && patch.is_none_or(|patch| patch == release.patch)
    }

    /// The target as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// Not of the form `x.y` or `x.y.z`.
    Syntax,
    /// No release of that line, or older than anything known.
    Unknown,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => write!(f, "a release is written like `2.1.2`, a line of releases like `2.0`"),
            Self::Unknown => {
                let known: Vec<_> = KNOWN.iter().map(|release| format!("`{release}`")).collect();
                write!(f, "no such release is known; observed are {}", known.join(", "))
            }
        }
    }
}

impl std::error::Error for TargetError {}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let numbers: Option<Vec<u16>> = text.split('.').map(|part| part.parse().ok()).collect();
        let releases: Vec<Release> = match numbers.as_deref() {
            Some([major, minor]) => {
                let same = |release: &&Release| release.major == *major && release.minor == *minor;
                KNOWN.iter().filter(same).copied().collect()
            }
            Some([major, minor, patch]) => {
                let line_is_known = KNOWN.iter().any(|known| known.major == *major && known.minor == *minor);
                line_is_known.then(|| Release::new(*major, *minor, *patch)).into_iter().collect()
            }
            _ => return Err(TargetError::Syntax),
        };
        if releases.is_empty() {
            Err(TargetError::Unknown)
        } else {
            Ok(Self { text: text.to_owned(), releases })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let releases = |text: &str| text.parse::<Target>().map(|target| target.releases.clone());
        assert_eq!(releases("2.0"), Ok(vec![Release::new(2, 0, 11), Release::new(2, 0, 21)]));
        assert_eq!(releases("2.0.18"), Ok(vec![Release::new(2, 0, 18)]));
        assert_eq!(releases("2"), Err(TargetError::Syntax));
        assert_eq!(releases("1.6"), Err(TargetError::Unknown));
    }

    #[test]
    fn what_a_target_includes() {
        let includes = |text: &str, release| text.parse::<Target>().unwrap().includes(release);
        assert!(includes("2.0", Release::new(2, 0, 18)));
        assert!(!includes("2.0", Release::new(2, 1, 2)));
        assert!(includes("2.0.18", Release::new(2, 0, 18)));
        assert!(!includes("2.0.18", Release::new(2, 0, 21)));
    }
}
