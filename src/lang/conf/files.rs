//! The files that a configuration names: opened as the broker would open them, in its order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lower::Lowering;
use crate::catalogue::{OptionId, Quirk, options};
use crate::lang::Reader;
use crate::model::notes::{Effect, FileProblem, NoteKind, Phase};
use crate::model::{Deployment, FileState, Lowered, PluginKind, Protocol, Security, Sourced};
use crate::text::{
    Account, FileError, FileFacts, FileKind, Readability, Source, SourceId, Span, readable_by,
};

/// Loads security files and TLS files into the model, as the account that the broker runs as.
pub(super) fn load(lowering: &mut Lowering<'_, '_>) {
    let account = run_account(lowering);
    let mut loader = Loader { lowering, account };
    loader.own_files();
    loader.plugins();
    let mut global = std::mem::take(&mut loader.lowering.deployment.security);
    loader.security(&mut global);
    let mut listeners = std::mem::take(&mut loader.lowering.deployment.listeners);
    let mut forgotten = std::mem::take(&mut loader.lowering.forgotten);
    for listener in forgotten.iter_mut().chain(&mut listeners) {
        if let Some(security) = &mut listener.security {
            loader.security(security);
        }
    }
    for listener in &mut listeners {
        listener.tls.ignores_psk_hint = listener.protocol == Protocol::Websockets
            && loader.lowering.release.has(Quirk::WebsocketsIgnorePsk);
        loader.listener(listener);
    }
    loader.lowering.deployment.security = global;
    loader.lowering.deployment.listeners = listeners;
}

/// Reads the password, ACL and PSK files that a deployment names once more, as a reload does; notes are on these
/// files only.
pub fn read_security(reader: &mut Reader<'_>, deployment: Deployment) -> Lowered {
    let mut lowering = Lowering::of(reader, deployment);
    let account = run_account(&mut lowering);
    let mut loader = Loader { lowering: &mut lowering, account };
    let mut global = std::mem::take(&mut loader.lowering.deployment.security);
    loader.security_anew(&mut global);
    let mut listeners = std::mem::take(&mut loader.lowering.deployment.listeners);
    for security in listeners.iter_mut().filter_map(|listener| listener.security.as_mut()) {
        loader.security_anew(security);
    }
    lowering.deployment.security = global;
    lowering.deployment.listeners = listeners;
    lowering.notes.retain(|note| note.phase == Phase::Security);
    Lowered { deployment: lowering.deployment, notes: lowering.notes }
}

/// The account that the broker runs as; `None` where it, or what it may read, cannot be told from here.
fn run_account(lowering: &mut Lowering<'_, '_>) -> Option<Account> {
    let files = lowering.reader.files();
    let started_by = lowering.reader.environment.started_by.clone();
    if started_by != "root" {
        return files.account(&started_by);
    }
    let wanted = lowering.deployment.global.text(options::USER);
    let span = wanted.map(|user| user.span);
    let name = wanted.map_or("mosquitto", |user| user.value).to_owned();
    let found = files.account(&name);
    if let (Some(span), None, true) = (span, &found, name != "mosquitto") {
        lowering.note(NoteKind::UnknownAccount, span, Phase::User, Effect::Unknown);
    }
    found
}

/// What is known of a path; `None`, and a note, where it cannot be told from here.
pub(super) fn facts(
    lowering: &mut Lowering<'_, '_>,
    named: &Named,
    phase: Phase,
) -> Option<Result<FileFacts, FileError>> {
    let (option, path) = (named.option, named.path.clone());
    let kind = match lowering.reader.files().facts(&named.path) {
        Err(FileError::Unseen { missing }) => NoteKind::NotChecked { option, path, missing },
        Err(FileError::Planned) => NoteKind::NotChecked { option, missing: path.clone(), path },
        Err(error @ FileError::Denied) => NoteKind::File { option, path, problem: FileProblem::Open(error) },
        known => return Some(known),
    };
    lowering.note(kind, named.span, phase, named.unknown());
    None
}

/// The directory of `http_dir` must be there.
pub(super) fn http_dir(lowering: &mut Lowering<'_, '_>, directory: Sourced<&str>, phase: Phase) {
    let named = Named::new(options::HTTP_DIR, directory);
    if let Some(Err(error)) = facts(lowering, &named, phase) {
        problem(lowering, &named, FileProblem::Open(error), phase);
    }
}

/// Notes why a file cannot be used.
pub(super) fn problem(lowering: &mut Lowering<'_, '_>, named: &Named, problem: FileProblem, phase: Phase) {
    let effect = match is_left_out(lowering.reader, &named.path, &problem) {
        true => named.unknown(),
        false => named.effect,
    };
    let kind = NoteKind::File { option: named.option, path: named.path.clone(), problem };
    lowering.note(kind, named.span, phase, effect);
}

/// Whether a file is missing here that may well be there where the broker runs.
pub(super) fn is_left_out(reader: &Reader<'_>, path: &Path, problem: &FileProblem) -> bool {
    matches!(problem, FileProblem::Open(FileError::Missing)) && reader.files().is_partial(path)
}

/// What a library begins with.
const LIBRARY_MARK: [u8; 4] = *b"\x7fELF";

/// Files that are opened by the account that the broker runs as.
pub(super) struct Loader<'l, 'r, 'f> {
    pub(super) lowering: &'l mut Lowering<'r, 'f>,
    pub(super) account: Option<Account>,
}

/// A named file.
pub(super) struct Named {
    pub(super) option: OptionId,
    pub(super) path: PathBuf,
    pub(super) span: Span,
    /// What a file that cannot be used does to the start.
    pub(super) effect: Effect,
}

impl Named {
    pub(super) fn new(option: OptionId, text: Sourced<&str>) -> Self {
        Self { option, path: text.value.into(), span: text.span, effect: Effect::Fatal }
    }

    pub(super) fn of(option: OptionId, text: Option<Sourced<&str>>) -> Option<Self> {
        text.map(|text| Self::new(option, text))
    }

    /// What it does to the start that nothing can be told of the file from here.
    fn unknown(&self) -> Effect {
        if self.effect == Effect::Fatal { Effect::Unknown } else { Effect::None }
    }
}

impl Loader<'_, '_, '_> {
    /// The text of a file, or the state that says why there is none.
    pub(super) fn open<T>(&mut self, named: &Named, phase: Phase) -> Result<SourceId, FileState<T>> {
        let files = self.lowering.reader.files();
        let read = self.lowering.reader.text(&named.path);
        let problem = match read {
            Ok(id) => {
                match self.account.as_ref().map(|account| (account, readable_by(files, &named.path, account)))
                {
                    Some((account, Readability::No { blocker, mode })) => {
                        FileProblem::Unreadable { account: account.name.clone(), blocker, mode }
                    }
                    _ => return Ok(id),
                }
            }
            Err(FileError::Planned) => return Err(FileState::Unknown),
            Err(FileError::Kind(FileKind::Special))
                if let Some(id) = self.null_device(&named.path, phase) =>
            {
                return Ok(id);
            }
            Err(FileError::Unseen { missing }) => {
                let kind = NoteKind::NotChecked { option: named.option, path: named.path.clone(), missing };
                self.lowering.note(kind, named.span, phase, named.unknown());
                return Err(FileState::Unknown);
            }
            Err(error) if !self.is_telling(&error, phase) => {
                let problem = FileProblem::Open(error);
                let kind = NoteKind::File { option: named.option, path: named.path.clone(), problem };
                self.lowering.note(kind, named.span, phase, named.unknown());
                return Err(FileState::Unknown);
            }
            Err(error) => FileProblem::Open(error),
        };
        self::problem(self.lowering, named, problem, phase);
        Err(FileState::Failed)
    }

    /// Whether what keeps moskit from reading a file keeps the broker from it, too.
    fn is_telling(&self, error: &FileError, phase: Phase) -> bool {
        match error {
            FileError::Denied | FileError::TooLarge => false,
            // OpenSSL reads devices and pipes, as some releases do; nothing can be said of what they would
            // give.
            FileError::Kind(FileKind::Special) => {
                phase == Phase::Security && self.lowering.release.has(Quirk::IrregularFileRefused)
            }
            _ => true,
        }
    }

    /// A directory in place of an ACL file is an empty one to releases that open it; with the other files they hang.
    fn empty_directory(&mut self, named: &Named) -> Option<SourceId> {
        let files = self.lowering.reader.files();
        let is_taken =
            named.option == options::ACL_FILE && !self.lowering.release.has(Quirk::IrregularFileRefused);
        files.facts(&named.path).ok().filter(|facts| is_taken && facts.kind == FileKind::Directory)?;
        let may = self.account.as_ref().map(|account| readable_by(files, &named.path, account));
        if matches!(may, Some(Readability::No { .. })) {
            return None;
        }
        let name = files.shown(&named.path).display().to_string();
        Some(self.lowering.reader.sources.add(Source::new(name, Vec::new())))
    }

    /// A password or ACL file, which 2.1 does not open through a symbolic link.
    fn open_secret<T>(&mut self, named: &Named) -> Result<SourceId, FileState<T>> {
        if let Some(empty) = self.empty_directory(named) {
            return Ok(empty);
        }
        let opened = self.open(named, Phase::Security)?;
        let facts = self.lowering.reader.files().facts(&named.path);
        if self.lowering.release.has(Quirk::SymlinkedSecretFileRefused)
            && facts.is_ok_and(|facts| facts.is_link)
        {
            self::problem(self.lowering, named, FileProblem::Link, Phase::Security);
        }
        Ok(opened)
    }

    /// The libraries of plugins: that they are there and can be read, not what they are.
    fn plugins(&mut self) {
        let deployment = &self.lowering.deployment;
        let is_used = |index| deployment.listeners.iter().any(|listener| listener.plugins.contains(&index));
        let libraries = deployment.plugins.iter().enumerate().filter_map(|(index, plugin)| {
            let path = plugin.path.as_ref()?;
            let option = match &plugin.kind {
                PluginKind::Own => options::PLUGIN,
                PluginKind::Global => options::GLOBAL_PLUGIN,
                PluginKind::Named(_) if is_used(index) => options::PLUGIN_LOAD,
                PluginKind::Named(_) => return None,
            };
            Some(Named::new(option, Sourced { value: &*path.value, span: path.span }))
        });
        for named in libraries.collect::<Vec<_>>() {
            if named.path.components().count() > 1 {
                self.library(&named);
            } else {
                // The system looks for a bare name in folders of its own.
                let kind = NoteKind::NotChecked {
                    option: named.option,
                    path: named.path.clone(),
                    missing: named.path,
                };
                self.lowering.note(kind, named.span, Phase::Plugins, Effect::Unknown);
            }
        }
    }

    fn library(&mut self, named: &Named) {
        let files = self.lowering.reader.files();
        let problem = match facts(self.lowering, named, Phase::Plugins) {
            None => return,
            Some(Err(error)) => FileProblem::Open(error),
            Some(Ok(facts)) if facts.kind != FileKind::Regular => {
                FileProblem::Open(FileError::Kind(facts.kind))
            }
            Some(Ok(_)) => {
                match self.account.as_ref().map(|account| (account, readable_by(files, &named.path, account)))
                {
                    Some((account, Readability::No { blocker, mode })) => {
                        FileProblem::Unreadable { account: account.name.clone(), blocker, mode }
                    }
                    _ => match files.head(&named.path, LIBRARY_MARK.len() as u64) {
                        Ok(head) if head != LIBRARY_MARK => FileProblem::NotLibrary,
                        _ => return,
                    },
                }
            }
        };
        self::problem(self.lowering, named, problem, Phase::Plugins);
    }

    fn security_anew(&mut self, security: &mut Security) {
        (security.passwords, security.acl) = (FileState::Unnamed, FileState::Unnamed);
        security.keys = FileState::Unnamed;
        self.security(security);
    }

    fn security(&mut self, security: &mut Security) {
        if let Some(named) = Named::of(options::PASSWORD_FILE, security.settings.text(options::PASSWORD_FILE))
        {
            security.passwords = match self.open_secret(&named) {
                Err(state) => state,
                Ok(id) => {
                    let (passwords, notes) = self.lowering.reader.passwords(id, self.lowering.release);
                    self.lowering.notes.extend(notes);
                    FileState::Loaded(Arc::new(passwords))
                }
            };
        }
        if let Some(named) = Named::of(options::ACL_FILE, security.settings.text(options::ACL_FILE)) {
            security.acl = match self.open_secret(&named) {
                Err(state) => state,
                Ok(id) => {
                    let (acl, notes) = self.lowering.reader.acl_of(id, self.lowering.release);
                    self.lowering.notes.extend(notes.iter().cloned());
                    FileState::Loaded(acl)
                }
            };
        }
        if let Some(named) = Named::of(options::PSK_FILE, security.settings.text(options::PSK_FILE)) {
            security.keys = match self.open_secret(&named) {
                Err(state) => state,
                Ok(id) => {
                    let (keys, notes) = self.lowering.reader.keys(id, self.lowering.release);
                    self.lowering.notes.extend(notes);
                    FileState::Loaded(Arc::new(keys))
                }
            };
        }
    }
}
