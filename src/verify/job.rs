//! What a run of tests needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::script::Suite;
use super::stop::Stop;
use crate::catalogue::Release;
use crate::credentials::{Authority, KeySource, Secret};
use crate::text::{Files, Sources};

/// Everything that a run of tests needs.
pub struct Job<'a> {
    /// The configuration to boot, as it lies on this machine.
    pub configuration: &'a Path,
    /// How files that the configuration names are read: a pack's installed paths, or `--root` and `--map`.
    pub files: &'a (dyn Files + Sync),
    /// The releases to run each test for, oldest first; never empty. A real broker runs for the one that it is.
    pub releases: &'a [Release],
    /// What is run.
    pub engine: &'a Engine,
    /// The tests, by files; those that a filter leaves out are not in it.
    pub suites: &'a [SuiteFile],
    /// How files that the suites name are read: as they lie on this machine.
    pub local: &'a (dyn Files + Sync),
    /// The texts of the suites and of the spec.
    pub sources: &'a Sources,
    /// What clients log in with.
    pub credentials: &'a Credentials,
    /// How many brokers run at the same time, each with tests of its own; never 0.
    pub jobs: usize,
    /// What the configuration asks for and the built-in broker may go without, by the names of its `--without`.
    pub without: &'a [String],
    /// A private folder for files of the run; it exists, and whoever made it removes it.
    pub scratch: &'a Path,
    /// Where keys and randomness come from: of certificates that are made up for a test, and of the built-in broker.
    pub keys: &'a Keys,
    /// What stops the run.
    pub stop: &'a Stop,
    /// The time, in seconds since 1970.
    pub now: i64,
}

/// A source of keys and randomness for all brokers and clients of a run.
pub type Keys = Arc<dyn KeySource + Send + Sync>;

/// A file of tests.
#[derive(Clone, Debug)]
pub struct SuiteFile {
    /// What it says.
    pub suite: Arc<Suite>,
    /// Its folder, from which the paths in it lead.
    pub folder: PathBuf,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The built-in broker, which does as each release does.
    Moskit,
    /// A program: a real Mosquitto.
    Mosquitto(PathBuf),
}

/// What clients log in with.
#[derive(Default)]
pub struct Credentials {
    /// By user names.
    pub users: BTreeMap<String, Credential>,
    /// Certificates of authorities that clients trust, each a PEM text.
    pub trust: Vec<Vec<u8>>,
    /// Authorities whose key is known, by their names in the spec; for certificates that are made for a test.
    pub authorities: BTreeMap<String, Authority>,
    /// By ports and sockets, the name of the authority that issues the certificates of a listener's clients.
    pub client_authorities: BTreeMap<super::script::Place, String>,
}

/// What a user logs in with.
#[derive(Default)]
pub struct Credential {
    /// The password; `None` where there is none, or where nobody knows it.
    pub password: Option<Secret>,
    /// The certificate chain, in PEM.
    pub certificate: Option<Vec<u8>>,
    /// Its key, in PEM.
    pub key: Option<Secret>,
}
