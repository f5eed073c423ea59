//! Reads the files of a deployment, each once, however many releases look at them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalogue::{Quirk, Release};
use crate::lang::{acl, conf, passwd, psk};
use crate::model::acl::Acl;
use crate::model::notes::{Note, NoteKind, PasswordNote};
use crate::model::{Passwords, PresharedKeys};
use crate::text::{FileError, Files, Source, SourceId, Sources};

/// What the broker's start hangs on besides files.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The time, in seconds since 1970.
    pub now: i64,
    /// The account that starts the broker; `root` then drops to the configured user.
    pub started_by: String,
}

/// The rules of an ACL file and what was noticed in it.
type ReadAcl = (Arc<Acl>, Arc<[Note]>);

/// The files of a deployment and the texts that were read from them.
pub struct Reader<'f> {
    /// Every text that was read.
    pub sources: Sources,
    /// Time and starting account.
    pub environment: Environment,
    files: &'f dyn Files,
    texts: HashMap<PathBuf, Result<SourceId, FileError>>,
    confs: HashMap<SourceId, Arc<conf::ConfTree>>,
    /// Files of passwords and keys whose secrets are marked.
    hidden: HashSet<SourceId>,
    acls: HashMap<(SourceId, [bool; 2]), ReadAcl>,
}

impl<'f> Reader<'f> {
    /// A reader that has read nothing yet.
    pub fn new(files: &'f dyn Files, environment: Environment) -> Self {
        Self {
            sources: Sources::default(),
            environment,
            files,
            texts: HashMap::new(),
            confs: HashMap::new(),
            hidden: HashSet::new(),
            acls: HashMap::new(),
        }
    }

    /// A reader that knows the text of one file already, and that text.
    pub fn of(
        name: &str,
        bytes: Arc<[u8]>,
        files: &'f dyn Files,
        environment: Environment,
    ) -> (Self, SourceId) {
        let mut reader = Self::new(files, environment);
        let id = reader.sources.add(Source::new(name, bytes));
        reader.know(Path::new(name), id);
        (reader, id)
    }

    /// The files that are read.
    pub fn files(&self) -> &'f dyn Files {
        self.files
    }

    /// Tells that a text that was added already is the file at a path.
    pub fn know(&mut self, path: &Path, id: SourceId) {
        self.texts.insert(path.to_owned(), Ok(id));
    }

    /// The paths of the texts that were read, as the configuration names them.
    pub fn paths(&self) -> HashMap<SourceId, PathBuf> {
        let read = self.texts.iter().filter_map(|(path, id)| Some((id.clone().ok()?, path.clone())));
        read.collect()
    }

    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn text(&mut self, path: &Path) -> Result<SourceId, FileError> {
        if let Some(known) = self.texts.get(path) {
            return known.clone();
        }
        let read = self.files.read(path);
        let id = read
            .map(|bytes| self.sources.add(Source::new(self.files.shown(path).display().to_string(), bytes)));
        self.texts.insert(path.to_owned(), id.clone());
        id
    }

    /// The lines of a `mosquitto.conf`.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn conf(&mut self, path: &Path) -> Result<Arc<conf::ConfTree>, FileError> {
        let id = self.text(path)?;
        let sources = &self.sources;
        let tree = self.confs.entry(id).or_insert_with(|| Arc::new(conf::parse(id, sources.get(id).bytes())));
        Ok(tree.clone())
    }

    /// The lines of every `mosquitto.conf` and included file that was read, in the order of reading.
    pub fn confs(&self) -> Vec<Arc<conf::ConfTree>> {
        let mut trees: Vec<_> = self.confs.values().cloned().collect();
        trees.sort_by_key(|tree| tree.source);
        trees
    }

    /// The entries of a password file as a release reads them. What is no name in it is never shown.
    pub fn passwords(&mut self, id: SourceId, release: Release) -> (Passwords, Vec<Note>) {
        let bytes = self.sources.get(id).bytes().clone();
        let (passwords, notes) = passwd::read(id, &bytes, release);
        if self.hidden.insert(id) {
            passwords.entries.iter().for_each(|entry| self.sources.hide(entry.hash_span));
            let is_secret = |note: &&Note| matches!(note.kind, NoteKind::Password(PasswordNote::NoColon));
            notes.iter().filter(is_secret).for_each(|note| self.sources.hide(note.span));
        }
        (passwords, notes)
    }

    /// The keys of a file of pre-shared keys as a release reads them. What is no identity in it is never shown.
    pub fn keys(&mut self, id: SourceId, release: Release) -> (PresharedKeys, Vec<Note>) {
        let bytes = self.sources.get(id).bytes().clone();
        let tree = psk::parse(id, &bytes);
        if self.hidden.insert(id) {
            tree.secrets().for_each(|span| self.sources.hide(span));
        }
        psk::lower(&tree, &bytes, release)
    }

    /// The rules of an ACL file as a release reads it, and what was noticed in it.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn acl(&mut self, path: &Path, release: Release) -> Result<ReadAcl, FileError> {
        let id = self.text(path)?;
        Ok(self.acl_of(id, release))
    }

    /// The rules of a text as a release reads it as an ACL file, and what was noticed in it.
    pub fn acl_of(&mut self, id: SourceId, release: Release) -> ReadAcl {
        let sources = &self.sources;
        // All that the releases read differently.
        let kind = [Quirk::LeadingNulHidesRest, Quirk::NulLineReadInUnterminatedFile]
            .map(|quirk| release.has(quirk));
        let read = self.acls.entry((id, kind)).or_insert_with(|| {
            let (acl, notes) = acl::read(id, sources.get(id).bytes(), release);
            (Arc::new(acl), notes.into())
        });
        read.clone()
    }
}
