//! What is to be tested: the configuration, its tests, and what clients log in with.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::secrets::Told;
use super::super::{Failure, compile as spec_command, lint as lint_command, paths};
use super::Arguments;
use crate::catalogue::{Release, Target};
use crate::compile::manifest::Manifest;
use crate::compile::state::{MemoryState, State, StateStore};
use crate::compile::write::{WriteOptions, write_pack};
use crate::compile::{self, Compiled, Lines, Placement};
use crate::credentials::OperatingSystem;
use crate::lang::spec::script::{self, Place, Setting, Suite};
use crate::lang::spec::{self, Decoded, Spec};
use crate::lang::{Environment, Reader, conf};
use crate::lint::Kind;
use crate::report::{Diagnostic, Severity};
use crate::text::disk::Disk;
use crate::text::{Files, Source, SourceId, Sources};
use crate::verify::{Credentials, Origin, Status, SuiteFile, TestResult, asserted};

/// What is to be tested.
pub(super) struct Loaded {
    /// The configuration, by its path in it.
    pub(super) configuration: PathBuf,
    /// Where the paths of the configuration lie here.
    pub(super) files: Disk,
    pub(super) releases: Vec<Release>,
    pub(super) suites: Vec<SuiteFile>,
    pub(super) sources: Sources,
    pub(super) problems: Vec<Diagnostic>,
    pub(super) credentials: Credentials,
    /// What could not be had, in words.
    pub(super) missing: Vec<String>,
    /// What to do where there are no tests.
    pub(super) no_tests: String,
    /// The generated texts, by installed paths, and the folder that they are in.
    texts: (PathBuf, Vec<(String, Lines)>),
}

/// What the tests are loaded with.
struct Loading<'a> {
    arguments: &'a Arguments,
    /// The tests that are named; none where those that belong to the configuration are meant.
    tests: Vec<PathBuf>,
    here: Disk,
    loaded: Loaded,
    /// Ports and sockets of the configuration.
    places: Vec<Place>,
    /// The folder of the pack, where the configuration is one.
    pack: Option<PathBuf>,
}

/// Loads everything; what is wrong with texts is in [`Loaded::problems`].
pub(super) fn load(arguments: &Arguments, here: &Path, scratch: &Path) -> Result<Loaded, Failure> {
    let disk = Disk::new(here);
    let (path, tests) = subject(&disk, arguments)?;
    let path = pack_folder(&disk, &path);
    let texts = lint_command::inputs(&disk, &path, None)?;
    let [(name, bytes, kind)] = texts.as_slice() else {
        let shown = arguments.path.display();
        return Err(Failure(format!(
            "`{shown}` is neither a pack nor has it a mosquitto.conf; name a spec or a file"
        )));
    };
    let loaded = Loaded {
        configuration: PathBuf::new(),
        files: Disk {
            working_directory: here.to_owned(),
            root: arguments.root.clone(),
            maps: arguments.map.clone(),
        },
        releases: Vec::new(),
        suites: Vec::new(),
        sources: Sources::default(),
        problems: Vec::new(),
        credentials: Credentials::default(),
        missing: Vec::new(),
        no_tests: String::new(),
        texts: (PathBuf::new(), Vec::new()),
    };
    let mut loading = Loading { arguments, tests, here: disk, loaded, places: Vec::new(), pack: None };
    let path = PathBuf::from(name);
    match kind {
        Kind::Spec => loading.spec(&path, bytes, scratch)?,
        Kind::Pack => loading.pack(&path, bytes)?,
        Kind::Conf => loading.conf(&path)?,
        Kind::Acl | Kind::Passwd => {
            let message =
                "alone is nothing that can be booted; name the spec, the pack or the mosquitto.conf";
            return Err(Failure(format!("`{name}` {message}")));
        }
    }
    Ok(loading.loaded)
}

/// What is tested, and with which tests: a test file stands for the spec that it names.
fn subject(here: &Disk, arguments: &Arguments) -> Result<(PathBuf, Vec<PathBuf>), Failure> {
    let (path, mut tests) = (&arguments.path, arguments.tests.clone());
    if !is_test_file(path) {
        return Ok((path.clone(), tests));
    }
    let shown = path.display();
    let read = here.read(path);
    let bytes = read.map_err(|error| Failure(format!("cannot read `{shown}`: {error}")))?;
    let id = Sources::default().add(Source::new(shown.to_string(), bytes.clone()));
    let Some(spec) = script::spec_of(id, &bytes) else {
        return Err(Failure(format!(
            "`{shown}` does not name a spec; name what is to be tested, and the file with `--tests {shown}`"
        )));
    };
    tests.insert(0, path.clone());
    Ok((beside_of(path, &spec.value), tests))
}

/// The folder of a pack, where a file of it is named.
fn pack_folder(here: &Disk, path: &Path) -> PathBuf {
    let is_named =
        ["mosquitto.conf", "manifest.json"].iter().any(|name| path.file_name() == Some(OsStr::new(name)));
    if !is_named || here.facts(&path.with_file_name("manifest.json")).is_err() {
        return path.to_owned();
    }
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

impl Loading<'_> {
    /// Compiles a spec and takes its tests.
    fn spec(&mut self, path: &Path, bytes: &Arc<[u8]>, scratch: &Path) -> Result<(), Failure> {
        let shown = path.display();
        self.loaded.no_tests = format!(
            "`{shown}` has no tests; add `tests` to it, or a file `{}` beside it",
            beside(path).display()
        );
        let (id, decoded) = self.decode(path, bytes);
        self.loaded.problems.extend(decoded.problems.iter().cloned());
        if self.tests.is_empty() {
            self.add_spec(path, &decoded.spec)?;
        } else {
            self.told_tests(Some(&decoded.spec))?;
        }
        if !decoded.problems.is_empty() {
            return Ok(());
        }
        let named = decoded.spec.mosquitto.iter().map(|target| &target.value);
        self.loaded.releases = self.releases(named);
        if !self.judge(path, bytes, id)? || self.arguments.list || !self.loaded.problems.is_empty() {
            return Ok(());
        }
        self.compile(path, &decoded, scratch)
    }

    /// Whether the releases load what the spec says; what is wrong is said of the text that is known already.
    fn judge(&mut self, path: &Path, bytes: &Arc<[u8]>, id: SourceId) -> Result<bool, Failure> {
        let judged = spec_command::judge(&self.here, &path.display().to_string(), bytes)?;
        let loads = judged.verdicts.iter().all(|verdict| verdict.loads != Some(false));
        if loads && !judged.verdicts.is_empty() {
            return Ok(true);
        }
        let own = judged.sources.iter().find(|(_, source)| source.bytes() == bytes).map(|(id, _)| id);
        for mut finding in judged.findings.into_iter().filter(|finding| finding.severity == Severity::Error) {
            if Some(finding.primary.span.source) != own {
                continue;
            }
            finding.related.retain(|label| Some(label.span.source) == own);
            for label in finding.related.iter_mut().chain([&mut finding.primary]) {
                label.span.source = id;
            }
            self.loaded.problems.push(finding);
        }
        if self.loaded.problems.is_empty() {
            let shown = path.display();
            return Err(Failure(format!("the releases do not start with `{shown}`: moskit lint {shown}")));
        }
        Ok(false)
    }

    fn compile(&mut self, path: &Path, decoded: &Decoded, scratch: &Path) -> Result<(), Failure> {
        let folder = self.folder(path);
        let state = spec_command::state_folder(path, self.arguments.state.as_deref(), &folder);
        let state = State::open(&state).map_err(|error| Failure(error.to_string()))?;
        let told = Told { files: &self.here, folder: &folder };
        let prefix = scratch.join("pack");
        let installed =
            prefix.to_str().ok_or_else(|| Failure("the temporary folder is not UTF-8".to_owned()))?;
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let placement = Placement { name: &file_name, prefix: Some(installed) };
        let from = compile::Sources {
            files: &self.here,
            folder: &folder,
            secrets: &told,
            state: &state,
            keys: &OperatingSystem,
            now: paths::now(),
        };
        let compiled = compile::compile(decoded, &self.loaded.sources, &placement, &from);
        let compiled = match compiled.map_err(|error| Failure(error.to_string()))? {
            Ok(compiled) => compiled,
            Err(problems) => {
                self.loaded.problems.extend(problems);
                return Ok(());
            }
        };
        write(&self.here, &compiled, &prefix, &decoded.spec.install.user.value)?;
        let file = |name: &str| {
            let found = compiled.pack.files().iter().find(|file| file.path.as_str() == name)?;
            Some(found.contents.to_vec())
        };
        let origin = Origin { secrets: &told, state: &state, pack: &file };
        let missing = self.loaded.credentials.add_spec(&decoded.spec, &origin);
        self.loaded.missing.extend(missing);
        self.loaded.configuration = prefix.join("mosquitto.conf");
        // What was told of other places does not hold for files that were made here.
        self.loaded.files = self.here.clone();
        self.loaded.texts = (prefix, compiled.texts);
        Ok(())
    }

    /// Takes a pack as it lies, with the tests that are told.
    fn pack(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let shown = path.display();
        self.loaded.no_tests =
            "a pack has no tests of its own; name the spec that it was made from, or a test file: `--tests FILE`"
                .to_owned();
        let manifest = Manifest::parse(bytes).map_err(|error| Failure(format!("`{shown}`: {error}")))?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let targets = manifest.about.targets.iter().filter_map(|target| target.parse::<Target>().ok());
        let targets: Vec<Target> = targets.collect();
        self.loaded.releases = self.releases(targets.iter());
        for (installed, (inside, _)) in manifest.installed() {
            let lies = self.folder(path).join(inside.as_str());
            self.loaded.files.maps.push((installed.into(), lies));
            if installed.ends_with("/mosquitto.conf") {
                self.loaded.configuration = installed.into();
                let folder = self.loaded.configuration.parent().unwrap_or(Path::new("")).to_owned();
                self.loaded.texts = (folder, Vec::new());
            }
        }
        self.pack = Some(folder);
        self.places()?;
        self.told_tests(None)
    }

    /// Takes a configuration that no spec made, with the test files beside it.
    fn conf(&mut self, path: &Path) -> Result<(), Failure> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.loaded.no_tests = format!(
            "there are no tests beside `{}`; add a file `NAME.test.yaml`, or name one: `--tests FILE`",
            path.display()
        );
        self.loaded.releases = self.releases([].into_iter());
        self.loaded.configuration = path.to_owned();
        self.places()?;
        if !self.tests.is_empty() {
            return self.told_tests(None);
        }
        let mut names = self
            .here
            .list(folder)
            .map_err(|error| Failure(format!("cannot read `{}`: {error}", folder.display())))?;
        names.retain(|name| is_test_file(Path::new(name)));
        names.sort();
        for name in names {
            let path = if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) };
            self.test_file(&path, None)?;
        }
        Ok(())
    }

    /// The releases to test for: what is told, else what is named, else the newest known.
    fn releases<'t>(&self, named: impl Iterator<Item = &'t Target>) -> Vec<Release> {
        let told = self.arguments.target.iter();
        let targets: Vec<&Target> =
            if self.arguments.target.is_empty() { named.collect() } else { told.collect() };
        let mut releases: Vec<Release> =
            targets.into_iter().flat_map(|target| target.releases().to_vec()).collect();
        // Releases between those that were observed do as their neighbours.
        if self.arguments.target.is_empty() {
            let observed: Vec<_> = releases.iter().filter(|release| release.is_observed()).copied().collect();
            releases = if observed.is_empty() { releases } else { observed };
        }
        if releases.is_empty() {
            releases.push(Release::newest());
        }
        releases.sort();
        releases.dedup();
        releases
    }

    /// Finds where the configuration listens.
    fn places(&mut self) -> Result<(), Failure> {
        let environment = Environment { now: paths::now(), started_by: "root".to_owned() };
        let path = self.loaded.configuration.clone();
        let mut reader = Reader::new(&self.loaded.files, environment);
        let tree = reader.conf(&path);
        let tree = tree.map_err(|error| Failure(format!("cannot read `{}`: {error}", path.display())))?;
        for release in &self.loaded.releases {
            let lowered = conf::lower(&mut reader, &tree, *release);
            for listener in &lowered.deployment.listeners {
                let place = match &listener.socket {
                    Some(socket) => Place::Socket((*socket.value).into()),
                    None => Place::Port(listener.port),
                };
                if !self.places.contains(&place) {
                    self.places.push(place);
                }
            }
        }
        Ok(())
    }

    /// The tests that the command line names; `spec` is the one that is tested.
    fn told_tests(&mut self, spec: Option<&Spec>) -> Result<(), Failure> {
        for path in &self.tests.clone() {
            if is_test_file(path) {
                self.test_file(path, spec)?;
                continue;
            }
            let spec = self.other_spec(path)?;
            self.add_spec(path, &spec)?;
        }
        Ok(())
    }

    /// A spec that is not the one that is tested: its users log in.
    fn other_spec(&mut self, path: &Path) -> Result<Spec, Failure> {
        let bytes = self.read(path)?;
        let (_, decoded) = self.decode(path, &bytes);
        self.loaded.problems.extend(decoded.problems);
        let folder = self.folder(path);
        let state = spec_command::state_folder(path, self.arguments.state.as_deref(), &folder);
        let kept = State::open(&state).map_err(|error| Failure(error.to_string()))?;
        let state: &dyn StateStore = &MemoryState::over(&kept);
        let told = Told { files: &self.here, folder: &folder };
        let pack = self.pack.clone();
        let file = |name: &str| Some(self.here.read(&pack.as_ref()?.join(name)).ok()?.to_vec());
        let origin = Origin { secrets: &told, state, pack: &file };
        let missing = self.loaded.credentials.add_spec(&decoded.spec, &origin);
        self.loaded.missing.extend(missing);
        Ok(decoded.spec)
    }

    /// The tests of a spec, and of the file beside it.
    fn add_spec(&mut self, path: &Path, spec: &Spec) -> Result<(), Failure> {
        let mut suite = spec.tests.clone();
        suite.tests.extend(asserted(spec, self.loaded.suites.len()));
        self.add(suite, path);
        let beside = beside(path);
        if self.here.facts(&beside).is_ok() {
            self.test_file(&beside, Some(spec))?;
        }
        Ok(())
    }

    fn test_file(&mut self, path: &Path, spec: Option<&Spec>) -> Result<(), Failure> {
        let bytes = self.read(path)?;
        let id = self.loaded.sources.add(Source::new(path.display().to_string(), bytes.clone()));
        let other = match (spec, script::spec_of(id, &bytes)) {
            (None, Some(named)) => Some(self.other_spec(&beside_of(path, &named.value))?),
            _ => None,
        };
        let setting = match spec.or(other.as_ref()) {
            Some(spec) => Setting::of_spec(spec),
            None => Setting::of_places(self.places.clone()),
        };
        let number = self.loaded.suites.len() + 1;
        let decoded = script::decode(id, &bytes, &setting, number);
        self.loaded.problems.extend(decoded.problems);
        self.add(decoded.suite, path);
        Ok(())
    }

    fn add(&mut self, suite: Suite, path: &Path) {
        suite.secrets().for_each(|span| self.loaded.sources.hide(span));
        let folder = self.folder(path);
        let told = Told { files: &self.here, folder: &folder };
        let missing = self.loaded.credentials.add_suite(&suite, &folder, &self.here, &told);
        self.loaded.missing.extend(missing);
        self.loaded.suites.push(SuiteFile { suite: suite.into(), folder });
    }

    fn decode(&mut self, path: &Path, bytes: &Arc<[u8]>) -> (SourceId, Decoded) {
        let id = self.loaded.sources.add(Source::new(path.display().to_string(), bytes.clone()));
        let decoded = spec::decode(id, bytes);
        decoded.spec.secrets().for_each(|span| self.loaded.sources.hide(span));
        (id, decoded)
    }

    fn read(&self, path: &Path) -> Result<Arc<[u8]>, Failure> {
        let read = self.here.read(path);
        read.map_err(|error| Failure(format!("cannot read `{}`: {error}", path.display())))
    }

    /// The folder of a file.
    fn folder(&self, path: &Path) -> PathBuf {
        let path = self.here.working_directory.join(path);
        path.parent().map_or_else(|| self.here.working_directory.clone(), Path::to_owned)
    }
}

impl Loaded {
    /// Names the deciding line by the spec's line that it was made from, and files of the compiled pack by their paths in it.
    pub(super) fn name_places(&self, result: &mut TestResult) {
        let (folder, texts) = &self.texts;
        let Status::Failed(failure) = &mut result.status else { return };
        let Some(decision) = &mut failure.decided else { return };
        let Some(file) = decision.file.clone() else { return };
        if let (Some((line, _)), Some((_, lines))) =
            (&decision.line, texts.iter().find(|(path, _)| *path == file))
            && let Some(span) = lines.origin(*line)
        {
            let source = self.sources.get(span.source);
            decision.origin = Some((source.name().to_owned(), source.position(span.start).line));
        }
        if let Ok(inside) = Path::new(&file).strip_prefix(folder)
            && !folder.as_os_str().is_empty()
        {
            decision.file = Some(inside.display().to_string());
        }
    }
}

fn write(here: &Disk, compiled: &Compiled, folder: &Path, user: &str) -> Result<(), Failure> {
    let owners: BTreeMap<String, (u32, u32)> = spec_command::owners(here, user);
    let options = WriteOptions { owners };
    if let Some(data) = &compiled.data {
        spec_command::make_data_folder(Path::new(data), options.owners.get(user))?;
    }
    let written = write_pack(folder, &compiled.pack, &compiled.about, &options);
    written.map(drop).map_err(|error| Failure(error.to_string()))
}

/// The test file that belongs to a spec: `plant.test.yaml` beside `plant.yaml`.
fn beside(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    path.with_file_name(format!("{stem}.test.yaml"))
}

/// A path that a file names, relative to the file.
fn beside_of(path: &Path, named: &str) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).join(named)
}

fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}
