//! What a release makes of a configuration: scopes, order, placement, duplicates, includes.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::tree::{ConfLine, ConfTree, LineKind, line_kind};
use super::value;
use super::{bridges, files, listeners, plugins};
use crate::catalogue::{Duplicate, Kind, OptionId, Placement, Quirk, Release, Scope, options};
use crate::lang::Reader;
use crate::model::notes::{Effect, Note, NoteKind, Phase, ValueProblem};
use crate::model::{Deployment, Listener, Lowered, Security, Setting, Settings, Sourced, Value};
use crate::text::{FileError, Span};

/// Does what a release does with a configuration whose main file has the lines `main`.
pub fn lower(reader: &mut Reader<'_>, main: &ConfTree, release: Release) -> Lowered {
    let deployment = Deployment {
        release,
        source: main.source,
        global: Settings::default(),
        security: Security::default(),
        per_listener_settings: None,
        listeners: Vec::new(),
        bridges: Vec::new(),
        plugins: Vec::new(),
    };
    let mut lowering = Lowering::of(reader, deployment);
    let mut block = Block::default();
    lowering.file(main, &mut block, None);
    listeners::finish(&mut lowering);
    files::load(&mut lowering);
    let mut notes = lowering.notes;
    // Stable: within a phase the broker meets problems in the order in which they were noted.
    notes.sort_by_key(|note| note.phase);
    Lowered { deployment: lowering.deployment, notes }
}

/// What is being lowered.
pub(super) struct Lowering<'r, 'f> {
    pub(super) reader: &'r mut Reader<'f>,
    pub(super) release: Release,
    pub(super) notes: Vec<Note>,
    pub(super) deployment: Deployment,
    /// The default listener: in 2.1 one of the listeners, before that kept aside until the end.
    pub(super) default: Option<DefaultListener>,
    first_security: Option<Span>,
    /// Whether a `listener` line was read.
    has_listener_line: bool,
    /// Whether a `listener`, `port` or `bind_address` line was read, which ends local-only mode.
    pub(super) has_address_line: bool,
    /// Listeners that local-only mode throws away, once their security files were loaded.
    pub(super) forgotten: Vec<Listener>,
    /// Notes on options for the default listener that wait for the next `listener` line.
    waiting: Vec<usize>,
    /// The names of the bridges, and where each stands first.
    pub(super) bridge_names: HashMap<Box<str>, Span>,
}

/// Where the default listener is.
pub(super) enum DefaultListener {
    /// Among the listeners.
    Opened(usize),
    /// Not opened yet, and perhaps never.
    Aside(Box<Listener>),
}

/// Which block the next line of a file belongs to. Each file has its own.
#[derive(Default)]
pub(super) struct Block {
    listener: Option<CurrentListener>,
    pub(super) bridge: Option<usize>,
    pub(super) plugin: Option<usize>,
    /// The `include_dir` line that made the broker lose its hold of the current listener.
    lost: Option<Span>,
}

#[derive(Clone, Copy)]
pub(super) enum CurrentListener {
    Default,
    Line(usize),
}

/// A directive: its option, names and raw value.
#[derive(Clone, Copy)]
pub(super) struct Directive {
    pub(super) option: OptionId,
    pub(super) name: Span,
    pub(super) value: Span,
}

impl Directive {
    /// What follows exactly one space behind the name, further spaces included.
    pub(super) fn rest(self) -> Span {
        let start = (self.name.end as usize + 1).min(self.value.end as usize);
        Span::new(self.name.source, start, self.value.end as usize)
    }
}

impl<'r, 'f> Lowering<'r, 'f> {
    /// What has come to `deployment` so far.
    pub(super) fn of(reader: &'r mut Reader<'f>, deployment: Deployment) -> Self {
        Self {
            reader,
            release: deployment.release,
            notes: Vec::new(),
            deployment,
            default: None,
            first_security: None,
            has_listener_line: false,
            has_address_line: false,
            forgotten: Vec::new(),
            waiting: Vec::new(),
            bridge_names: HashMap::new(),
        }
    }
}

impl Lowering<'_, '_> {
    pub(super) fn note(&mut self, kind: NoteKind, span: Span, phase: Phase, effect: Effect) {
        self.notes.push(Note { kind, span, phase, effect });
    }

    pub(super) fn read_note(&mut self, kind: NoteKind, span: Span, is_fatal: bool) {
        self.note(kind, span, Phase::Read, if is_fatal { Effect::Fatal } else { Effect::None });
    }

    fn file(&mut self, tree: &ConfTree, block: &mut Block, included_by: Option<Span>) {
        for line in &tree.lines {
            let mut kind = line.kind;
            let is_leading = line.nul == Some(line.span.start);
            let hides_rest =
                line.nul.is_some() && (!is_leading || self.release.has(Quirk::LeadingNulHidesRest));
            if let Some(nul) = line.nul {
                kind = LineKind::Blank;
                if hides_rest {
                    let span = Span::new(tree.source, nul as usize, nul as usize + 1);
                    self.read_note(NoteKind::HiddenByNul, span, false);
                    kind = self.before_nul(tree, line, nul);
                }
            }
            if let LineKind::Directive { name, value } = kind {
                self.directive(name, value, block, included_by);
            }
            if hides_rest {
                return;
            }
        }
    }

    /// What is read of a line with a NUL byte: nothing, unless the end of the file cuts the search for its
    /// end short.
    fn before_nul(&self, tree: &ConfTree, line: &ConfLine, nul: u32) -> LineKind {
        let last = tree.lines.last().filter(|_| self.release.has(Quirk::NulLineReadInUnterminatedFile));
        let looked_at = last.unwrap_or(line).span;
        if self.reader.sources.slice(looked_at).ends_with(b"\n") {
            return LineKind::Blank;
        }
        let before = self.reader.sources.slice(Span { end: nul, ..line.span });
        let end = before.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        line_kind(tree.source, line.span.start as usize, &before[..end])
    }

    fn directive(&mut self, name: Span, value: Span, block: &mut Block, included_by: Option<Span>) {
        let spelled = self.reader.sources.text(name);
        let Some(option) = OptionId::named(&spelled) else {
            if let Some(at) = value::misspelt_secret(&spelled) {
                self.reader.sources.hide(Span { start: name.start + at as u32, end: value.end, ..name });
            }
            return self.read_note(NoteKind::UnknownOption, name, true);
        };
        if !option.is_known(self.release) {
            return self.read_note(NoteKind::NotInRelease { option }, name, true);
        }
        let directive = Directive { option, name, value };
        if spelled
            .strip_prefix("plugin_opt_")
            .or(spelled.strip_prefix("auth_opt_"))
            .is_some_and(|key| key.len() < 3)
        {
            let problem = ValueProblem::ShortKey;
            return self.read_note(NoteKind::BadValue { option, problem }, name, true);
        }
        match option.entry().kind {
            Kind::Listener => listeners::listener_line(self, directive, block),
            Kind::Port => listeners::port_line(self, directive, block),
            Kind::Include => self.include(directive, block, included_by),
            Kind::Connection => bridges::connection_line(self, directive, block),
            Kind::Plugin | Kind::PluginLoad => {
                self.count_security(directive);
                plugins::declaration(self, directive, block);
            }
            _ if option == options::BIND_ADDRESS => listeners::bind_address_line(self, directive, block),
            _ if option == options::PER_LISTENER_SETTINGS => self.per_listener(directive),
            _ => self.plain(directive, block),
        }
    }

    /// Reads the value, notes what is odd about it, and returns what to go on with.
    pub(super) fn value(&mut self, directive: Directive) -> Option<Sourced<Value>> {
        let Directive { option, name, value } = directive;
        let raw = match option.entry().kind {
            Kind::ExactWord | Kind::PluginOption => directive.rest(),
            _ => value,
        };
        if option.entry().secret && !raw.is_empty() {
            self.reader.sources.hide(raw);
        }
        let bytes = self.reader.sources.slice(raw);
        let read = value::read(option.entry(), self.release, bytes);
        let comment = match &read.value {
            Some(Value::Text(_)) => {
                bytes[read.range.0..read.range.1].windows(2).position(|pair| pair == b" #")
            }
            _ => None,
        };
        let span = if raw.is_empty() { name } else { raw.part(read.range.0, read.range.1) };
        if let Some((problem, is_fatal)) = read.problem {
            self.read_note(NoteKind::BadValue { option, problem }, span, is_fatal);
        }
        if let Some((start, end)) = read.ignored {
            self.read_note(NoteKind::IgnoredText { option }, raw.part(start, end), false);
        }
        if let Some(at) = comment {
            let comment = raw.part(read.range.0 + at + 1, read.range.1);
            self.read_note(NoteKind::CommentInValue { option }, comment, false);
        }
        read.value.map(|value| Sourced { value, span })
    }

    fn plain(&mut self, directive: Directive, block: &mut Block) {
        let Directive { option, name, .. } = directive;
        self.count_security(directive);
        let is_per_listener = self.deployment.is_per_listener();
        let placement = option.entry().placement.at(self.release);
        let place = match option.entry().scope {
            Scope::Bridge => Place::Bridge,
            Scope::Plugin => Place::Plugin,
            // Where the release takes the line anywhere, it does nothing with it.
            Scope::Listener if placement != Placement::Anywhere => Place::Listener,
            Scope::Security if is_per_listener => Place::ListenerSecurity,
            Scope::Security => Place::Security,
            _ => Place::Global,
        };
        if placement == Placement::NeedsBridge && block.bridge.is_none() {
            return self.read_note(NoteKind::NeedsBridge { option }, name, true);
        }
        if placement == Placement::NeedsPlugin && block.plugin.is_none() {
            return self.read_note(NoteKind::NeedsPlugin { option }, name, true);
        }
        let belongs_to_listener = matches!(place, Place::Listener | Place::ListenerSecurity);
        if belongs_to_listener && !self.prepare_listener(directive, block) {
            return;
        }
        if let Some(first) = self.exclusion(option, block) {
            self.read_note(NoteKind::MixedEncryption { option, first }, name, true);
        }
        let setting = self.setting(directive, block);
        if belongs_to_listener
            && option == options::ALLOW_ANONYMOUS
            && self.release.has(Quirk::SecurityOptionNeedsListener)
        {
            // There it writes the very variable of listener_allow_anonymous, so the later of the two lines
            // counts.
            let setting = Setting { option: options::LISTENER_ALLOW_ANONYMOUS, ..setting };
            return self.store(setting, Place::Listener, block);
        }
        self.store(setting, place, block);
    }

    /// Reads the value of a plain line, and does what the release does with it at once.
    fn setting(&mut self, directive: Directive, block: &mut Block) -> Setting {
        let Directive { option, name, .. } = directive;
        match (option.entry().kind, block.bridge) {
            (Kind::Addresses, Some(index)) => {
                bridges::address_line(self, directive, index);
                return bridges::as_written(self, directive);
            }
            (Kind::BridgeTopic, Some(index)) => {
                bridges::topic_line(self, directive, index);
                return bridges::as_written(self, directive);
            }
            _ => {}
        }
        let value = self.value(directive).unwrap_or(Sourced { value: Value::Unread, span: directive.value });
        if let Value::Text(text) = &value.value {
            let text = Sourced { value: &**text, span: value.span };
            match option.entry().kind {
                Kind::PluginUse => plugins::usage(self, text, block),
                Kind::LogDestination => self.second_log_file(text, name),
                _ if option == options::HTTP_DIR && self.release.has(Quirk::HttpDirResolvedEarly) => {
                    files::http_dir(self, text, Phase::Read);
                }
                _ => {}
            }
        }
        Setting { option, value, name_span: name }
    }

    /// Only one file may be logged to, whatever stands between the two lines.
    fn second_log_file(&mut self, text: Sourced<&str>, name: Span) {
        let option = options::LOG_DEST;
        let is_file = |value: &Value| matches!(value, Value::Text(text) if text.starts_with("file "));
        let first = self.deployment.global.all(option).find(|earlier| is_file(&earlier.value.value));
        if let Some(first) = first.map(|first| first.name_span).filter(|_| text.value.starts_with("file ")) {
            self.read_note(NoteKind::Duplicate { option, first }, name, true);
        }
    }

    /// The line above, of the same listener or bridge, for the other kind of encryption, where the release
    /// looks.
    fn exclusion(&mut self, option: OptionId, block: &Block) -> Option<Span> {
        let (settings, others) = match option {
            options::CAFILE | options::CERTFILE => {
                (&self.current_listener(block).settings, &[options::PSK_HINT][..])
            }
            options::PSK_FILE if self.release.has(Quirk::PskFileAfterCertificateRefused) => {
                block.listener?;
                (&self.current_listener(block).settings, &[options::CERTFILE][..])
            }
            _ => (&self.deployment.bridges.get(block.bridge?)?.settings, bridges::excluded_by(option)),
        };
        others.iter().find_map(|other| settings.get(*other)).map(|setting| setting.name_span)
    }

    /// Remembers the first line for the rule that `per_listener_settings` comes before every security option.
    fn count_security(&mut self, directive: Directive) {
        if directive.option.entry().counts_as_security.at(self.release) {
            self.first_security.get_or_insert(directive.name);
        }
    }

    /// Makes sure that a listener is there for an option of a listener; false where the release refuses the
    /// line.
    pub(super) fn prepare_listener(&mut self, directive: Directive, block: &mut Block) -> bool {
        let Directive { option, name, .. } = directive;
        let placement = option.entry().placement.at(self.release);
        if let Some(include) = block.lost {
            let is_risky =
                self.release.has(Quirk::LostLineFollowsPointers) && listeners::follows_pointer(option);
            let effect = if is_risky { Effect::Unknown } else { Effect::None };
            self.note(NoteKind::LostAfterInclude { option, include }, name, Phase::Read, effect);
            // It is lost, but what it says must be right all the same.
            self.value(directive);
            return false;
        }
        let is_default = matches!(block.listener, Some(CurrentListener::Default));
        let is_security = matches!(option.entry().scope, Scope::Security | Scope::PluginDeclaration);
        let needs_line = is_security && self.release.has(Quirk::SecurityOptionNeedsListener);
        match (placement, block.listener) {
            (Placement::NeedsNamedListener, None) => {}
            (Placement::NeedsNamedListener, Some(_)) if is_default => {}
            (Placement::AfterAnyListener, _) if self.has_listener_line => return true,
            (Placement::AfterAnyListener | Placement::NeedsListener, None) => {}
            (_, Some(_)) => return true,
            (_, None) if needs_line => {}
            (_, None) => {
                let opens = placement == Placement::DefaultListener || is_security;
                self.for_default_listener(directive, opens);
                if !self.release.has(Quirk::DefaultListenerLazy) {
                    listeners::open_default(self, name);
                    block.listener = Some(CurrentListener::Default);
                }
                return true;
            }
        }
        self.read_note(NoteKind::NeedsListener { option }, name, true);
        false
    }

    fn for_default_listener(&mut self, directive: Directive, opens: bool) {
        let kind = NoteKind::ForDefaultListener { option: directive.option, opens, next: None };
        self.waiting.push(self.notes.len());
        self.read_note(kind, directive.name, false);
    }

    /// Tells the options that went to the default listener which listener they were probably meant for.
    fn answer_waiting(&mut self, line: Span) {
        for index in std::mem::take(&mut self.waiting) {
            if let NoteKind::ForDefaultListener { next, .. } = &mut self.notes[index].kind {
                *next = Some(line);
            }
        }
    }

    fn store(&mut self, setting: Setting, place: Place, block: &Block) {
        let option = setting.option;
        let settings = match place {
            Place::Global => &mut self.deployment.global,
            Place::Security => &mut self.deployment.security.settings,
            Place::Bridge => match block.bridge {
                Some(index) => &mut self.deployment.bridges[index].settings,
                None => return,
            },
            Place::Plugin => match block.plugin {
                Some(index) => &mut self.deployment.plugins[index].settings,
                None => return,
            },
            Place::Listener => &mut self.current_listener(block).settings,
            Place::ListenerSecurity => {
                &mut self.current_listener(block).security.get_or_insert_default().settings
            }
        };
        let earlier = settings.get(option).map(|earlier| earlier.name_span);
        settings.push(setting.clone());
        if let Some(first) = earlier {
            let duplicate = option.entry().duplicate.at(self.release);
            if matches!(duplicate, Duplicate::Error | Duplicate::LastWins) {
                let is_fatal = duplicate == Duplicate::Error;
                self.read_note(NoteKind::Duplicate { option, first }, setting.name_span, is_fatal);
            }
        }
    }

    /// The listener that a line belongs to; the default one, kept aside, where there is none.
    pub(super) fn current_listener(&mut self, block: &Block) -> &mut Listener {
        match block.listener {
            Some(CurrentListener::Line(index)) => &mut self.deployment.listeners[index],
            Some(CurrentListener::Default) | None => listeners::default_listener(self),
        }
    }

    fn per_listener(&mut self, directive: Directive) {
        let sticks = self.release.has(Quirk::PerListenerSettingsStick);
        if sticks && self.deployment.is_per_listener() {
            return;
        }
        let Some(Sourced { value: Value::Bool(value), span }) = self.value(directive) else { return };
        if let Some(first) = self.first_security.filter(|_| value) {
            self.read_note(NoteKind::PerListenerLate { first }, directive.name, true);
        }
        self.deployment.per_listener_settings = Some(Sourced { value, span });
    }

    fn include(&mut self, directive: Directive, block: &mut Block, included_by: Option<Span>) {
        if included_by.is_some() {
            let is_fatal = !self.release.has(Quirk::NestedIncludeIgnored);
            return self.read_note(NoteKind::IncludeNested, directive.name, is_fatal);
        }
        let place = directive.rest();
        let raw = self.reader.sources.slice(place);
        if raw.is_empty() {
            let kind = NoteKind::BadValue { option: directive.option, problem: ValueProblem::Empty };
            return self.read_note(kind, directive.name, true);
        }
        let directory = PathBuf::from(std::ffi::OsStr::from_bytes(raw));
        let before = self.deployment.listeners.len();
        match self.reader.files().list(&directory) {
            Err(error) => self.include_failed(directory, error, place),
            Ok(names) => {
                let is_conf =
                    |name: &std::ffi::OsString| name.len() > 5 && name.as_bytes().ends_with(b".conf");
                let mut paths: Vec<_> =
                    names.into_iter().filter(is_conf).map(|name| directory.join(name)).collect();
                paths.sort_by_cached_key(|path| include_order(path));
                for path in paths {
                    match self.reader.conf(&path) {
                        Err(error) => self.include_failed(path, error, place),
                        Ok(tree) => self.file(&tree, &mut Block::default(), Some(directive.name)),
                    }
                }
            }
        }
        let grew = self.deployment.listeners.len() > before;
        if grew && matches!(block.listener, Some(CurrentListener::Line(_))) {
            block.lost = Some(directive.name);
        }
    }

    fn include_failed(&mut self, path: PathBuf, error: FileError, span: Span) {
        match error {
            FileError::Unseen { missing } => {
                let kind = NoteKind::NotChecked { option: options::INCLUDE_DIR, path, missing };
                self.note(kind, span, Phase::Read, Effect::Unknown);
            }
            // It is moskit that cannot look, not the broker.
            error @ (FileError::Denied | FileError::TooLarge | FileError::Planned) => {
                self.note(NoteKind::Include { path, error }, span, Phase::Read, Effect::Unknown);
            }
            FileError::Missing if self.reader.files().is_partial(&path) => {
                self.note(NoteKind::Include { path, error }, span, Phase::Read, Effect::Unknown);
            }
            error => self.read_note(NoteKind::Include { path, error }, span, true),
        }
    }

    /// Starts a listener line: it becomes the current listener of its file.
    pub(super) fn begin_listener(&mut self, listener: Listener, block: &mut Block) {
        self.answer_waiting(listener.span);
        self.has_listener_line = true;
        self.has_address_line = true;
        block.listener = Some(CurrentListener::Line(self.deployment.listeners.len()));
        block.lost = None;
        self.deployment.listeners.push(listener);
    }

    /// Makes the default listener the current one of a file.
    pub(super) fn continue_default(&mut self, block: &mut Block) {
        block.listener = Some(CurrentListener::Default);
    }
}

/// Where a setting is stored.
#[derive(Clone, Copy)]
enum Place {
    Global,
    Security,
    Listener,
    ListenerSecurity,
    Bridge,
    Plugin,
}

/// The order in which included files are read: by upper-cased bytes of the path, upper case first on ties.
fn include_order(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let bytes = path.as_os_str().as_bytes();
    (bytes.to_ascii_uppercase(), bytes.to_owned())
}
