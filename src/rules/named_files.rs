//! Problems of the files that options name: what several rules say of them.

use std::path::Path;

use super::Context;
use crate::catalogue::{OptionId, options};
use crate::model::notes::{Effect, FileProblem, Note, NoteKind};
use crate::report::{Diagnostic, Severity};
use crate::text::{FileError, FileKind, SourceId};

/// The options of a listener that name files of its TLS.
pub(super) const TLS_FILES: [OptionId; 5] =
    [options::CAFILE, options::CERTFILE, options::CRLFILE, options::DHPARAMFILE, options::KEYFILE];

/// A file that an option names, and what is wrong with it.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    /// The note, whose place is the option's value.
    pub(super) note: &'a Note,
    /// The option.
    pub(super) option: OptionId,
    /// The path, as the broker would open it.
    pub(super) path: &'a Path,
    /// What is wrong.
    pub(super) problem: &'a FileProblem,
}

/// The problems of the files that some options name.
pub(super) fn problems<'a>(cx: &Context<'a>, wanted: &[OptionId]) -> Vec<Problem<'a>> {
    let found = cx.notes.iter().filter_map(|note| match &note.kind {
        NoteKind::File { option, path, problem } if wanted.contains(option) => {
            Some(Problem { note, option: *option, path, problem })
        }
        _ => None,
    });
    found.collect()
}

impl Problem<'_> {
    /// What the file is for, as the beginning of a message.
    fn role(&self) -> &'static str {
        match self.option {
            options::PASSWORD_FILE => "the password file",
            options::ACL_FILE => "the ACL file",
            options::PSK_FILE => "the file of keys",
            options::CAFILE => "the file of client authorities",
            options::CERTFILE => "the certificate file",
            options::CRLFILE => "the revocation list",
            options::KEYFILE => "the key file",
            options::HTTP_DIR => "the directory",
            options::PID_FILE => "the pid file",
            options::PLUGIN | options::GLOBAL_PLUGIN | options::PLUGIN_LOAD => "the plugin",
            _ => "the file",
        }
    }

    /// A finding that the file cannot be opened, for whatever reason; `None` for problems of its contents.
    pub(super) fn unopened(&self, cx: &Context<'_>) -> Option<Diagnostic> {
        let FileProblem::Open(error) = self.problem else { return self.unreadable(cx) };
        let (role, path) = (self.role(), self.path.display());
        let message = match error {
            FileError::Missing | FileError::Unseen { .. } | FileError::Planned => {
                format!("{role} `{path}` does not exist")
            }
            FileError::Kind(FileKind::Directory) => format!("{role} `{path}` is a directory"),
            FileError::Kind(FileKind::Socket) => format!("{role} `{path}` is a socket"),
            FileError::Kind(_) => format!("{role} `{path}` is no regular file"),
            FileError::Denied => format!("{role} `{path}` may not be looked at from here"),
            FileError::TooLarge => format!("{role} `{path}` is too large to be looked at"),
            FileError::Other(reason) => format!("{role} `{path}` cannot be opened: {reason}"),
        };
        let mut finding = cx.finding_on(self.note, message);
        if self.note.effect == Effect::Unknown && *error == FileError::Missing {
            return Some(self.left_out(cx, finding));
        }
        if self.note.effect == Effect::Unknown {
            finding.severity = Severity::Note;
            finding = finding.note("whether the broker can use it cannot be told");
            return Some(finding.help("run this as an account that may read the file"));
        }
        if self.note.effect == Effect::None {
            finding = finding.note("the broker starts without it on this listener, and says nothing");
        } else {
            finding = finding.note("the broker does not start without it");
        }
        Some(finding.help(self.where_to_look(cx)))
    }

    /// A file that is missing from a copy of what lies there where the broker runs.
    fn left_out(&self, cx: &Context<'_>, finding: Diagnostic) -> Diagnostic {
        let start =
            "the broker does not start without it; what is mapped may be a part of what the broker finds";
        finding.note(start).help(self.where_to_look(cx))
    }

    fn where_to_look(&self, cx: &Context<'_>) -> String {
        let same_name = |(_, source): &(SourceId, &crate::text::Source)| {
            let known = Path::new(source.name());
            known.file_name() == self.path.file_name() && known != self.path
        };
        match cx.sources.iter().find(same_name) {
            Some((_, source)) => format!("did you mean `{}`, which is there?", source.name()),
            None if self.path.is_relative() => {
                "a relative path starts at the folder that the broker is started in: write the whole path"
                    .to_owned()
            }
            None => "make the file, or correct the path".to_owned(),
        }
    }

    /// A finding that the account of the broker may not read the file; `None` for other problems.
    fn unreadable(&self, cx: &Context<'_>) -> Option<Diagnostic> {
        let FileProblem::Unreadable { account, blocker, mode } = self.problem else { return None };
        let message = format!("{} `{}` cannot be read by `{account}`", self.role(), self.path.display());
        let mut finding = cx.finding_on(self.note, message);
        let (blocker, is_itself) = (blocker.display(), blocker == self.path);
        let start = "the broker changes to that account before it opens the file, and then stops";
        finding = finding.note(match is_itself {
            true => format!("its mode is {mode:04o}; {start}"),
            false => format!("the directory `{blocker}` has mode {mode:04o}; {start}"),
        });
        Some(finding.help(match is_itself {
            true => {
                format!("`chown {account} {blocker}`, or give a group of `{account}` the right to read it")
            }
            false => format!("let `{account}` pass through `{blocker}`, or keep the file elsewhere"),
        }))
    }
}
