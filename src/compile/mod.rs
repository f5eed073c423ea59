//! From a spec to a pack: planned per release, printed, read back, and written as a whole or not at all.

mod assertions;
mod attempts;
mod claims;
mod installed;
mod leaf;
mod lines;
pub mod manifest;
mod materials;
mod meaning;
pub mod pack;
mod plan;
mod print;
mod proof;
mod reach;
mod read_back;
mod rights;
pub mod state;
pub mod write;

use std::path::PathBuf;

pub use attempts::{Attempt, attempts};
pub use installed::Installed;
pub use leaf::kept_authority;
pub use lines::Lines;
pub use materials::{MaterialError, Secrets, Sources};
pub use read_back::prove;
use zeroize::Zeroizing;

use crate::catalogue::Release;
use crate::lang::spec::{Decoded, Spec, Text};
use crate::report::{Diagnostic, Severity};
use manifest::About;
use materials::Materials;
use pack::{Pack, PackFile, PackPath, Secrecy};
use plan::Plan;
use print::Printing;

/// Where a pack will be installed, and what it is called.
#[derive(Clone, Debug)]
pub struct Placement<'a> {
    /// The spec's name in comments.
    pub name: &'a str,
    /// The folder that the files are installed in, where it is not the one that the spec says.
    pub prefix: Option<&'a str>,
}

/// A pack, and what is to be told of its making.
pub struct Compiled {
    /// The files.
    pub pack: Pack,
    /// What the manifest says of it.
    pub about: About,
    /// What was made anew, and why.
    pub news: Vec<String>,
    /// The folder of the database, where the pack has one of its own.
    pub data: Option<String>,
    /// Installed path and lines of each generated text, each line with the place of the spec that it was made from.
    pub texts: Vec<(String, Lines)>,
}

/// Texts that were printed for a spec, before anything is written.
pub(crate) struct Draft {
    /// The installed path and text of each generated file; mosquitto.conf first.
    pub(crate) texts: Vec<(String, Lines)>,
    /// Installed paths of files that will be there, with contents that are not told.
    pub(crate) planned: Vec<PathBuf>,
    /// The releases.
    pub(crate) releases: Vec<Release>,
    /// The account that owns private files.
    pub(crate) user: String,
}

/// Plans and prints a spec with stand-ins for everything that needs a secret, for lint.
pub(crate) fn draft(
    spec: &Spec,
    sources: &crate::text::Sources,
    placement: &Placement<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Draft {
    let plan = plan::plan(spec, problems);
    let materials = materials::stand_in(&plan);
    let layout = Layout::new(&plan, placement);
    let texts = layout.print(&plan, sources, placement, &materials);
    let certificates = plan::used_certificates(spec);
    let mut planned: Vec<PathBuf> = Vec::new();
    for certificate in certificates {
        let path = |ending| {
            PathBuf::from(layout.path(&materials::certificate_path(&certificate.name.value, ending)))
        };
        planned.extend([path("crt"), path("key")]);
    }
    for listener in &spec.listeners {
        if let Some(client) = listener.tls.as_ref().and_then(|tls| tls.client.as_ref()) {
            let path =
                |name: &str, ending| PathBuf::from(layout.path(&materials::certificate_path(name, ending)));
            planned.extend([path(&client.authority.value, "ca.crt"), path(&listener.name.value, "crl")]);
        }
    }
    let texts = texts.into_iter().map(|(name, lines)| (layout.path(&name), lines)).collect();
    Draft { texts, planned, releases: plan.releases, user: spec.install.user.value.to_string() }
}

/// Compiles a spec that has no problems of its own.
///
/// # Errors
/// What stops it: nothing is written then. The inner list is what is wrong with the spec or what it names.
pub fn compile(
    decoded: &Decoded,
    sources: &crate::text::Sources,
    placement: &Placement<'_>,
    from: &Sources<'_>,
) -> Result<Result<Compiled, Vec<Diagnostic>>, MaterialError> {
    let spec = &decoded.spec;
    let mut problems = decoded.problems.clone();
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let plan = plan::plan(spec, &mut problems);
    let materials = materials::make(&plan, from, &mut problems)?;
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let layout = Layout::new(&plan, placement);
    let texts = layout.print(&plan, sources, placement, &materials);
    let files = layout.files(&texts, materials.files, &spec.install.user);
    let pack = match files.and_then(|files| Pack::new(files).map_err(|error| error.to_string())) {
        Ok(pack) => pack,
        Err(reason) => {
            return Ok(Err(vec![Diagnostic::new(
                "spec-conflict",
                Severity::Error,
                reason,
                spec.span.part(0, 1),
            )]));
        }
    };
    let targets = spec.mosquitto.iter().map(|target| target.value.as_str().to_owned()).collect();
    let prefix = placement.prefix.map(str::to_owned);
    let name = spec.name.as_ref().map_or(placement.name, |name| &name.value).to_owned();
    let about = About { spec: name, targets, install_prefix: prefix };
    let data = placement.prefix.filter(|_| spec.persistence.as_ref().is_some_and(|told| told.enabled.value));
    let data = data.map(|_| layout.data.clone());
    let texts: Vec<_> = texts.into_iter().map(|(name, lines)| (layout.path(&name), lines)).collect();
    let differences = prove(spec, (&pack, &about), &texts, from.files, from.now);
    if !differences.is_empty() {
        return Ok(Err(differences));
    }
    Ok(Ok(Compiled { pack, about, news: materials.news, data, texts }))
}

/// Where files lie once installed.
struct Layout {
    folder: String,
    data: String,
    user: Option<String>,
}

impl Layout {
    fn new(plan: &Plan<'_>, placement: &Placement<'_>) -> Self {
        let install = &plan.spec.install;
        let folder = placement.prefix.unwrap_or(&install.directory.value).trim_end_matches('/').to_owned();
        let data =
            placement.prefix.map_or_else(|| install.data.value.to_string(), |_| format!("{folder}.data"));
        let user = (*install.user.value != *"mosquitto").then(|| install.user.value.to_string());
        Self { folder, data, user }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// The generated texts, by their names in the pack; mosquitto.conf first.
    fn print(
        &self,
        plan: &Plan<'_>,
        sources: &crate::text::Sources,
        placement: &Placement<'_>,
        materials: &Materials,
    ) -> Vec<(String, Lines)> {
        let printing = Printing {
            plan,
            sources,
            name: placement.name,
            folder: &self.folder,
            data: &self.data,
            user: self.user.as_deref(),
        };
        let mut texts = vec![("mosquitto.conf".to_owned(), printing.conf())];
        for (name, rights) in &plan.acls {
            texts.push((name.clone(), printing.acl(rights)));
        }
        for (name, users) in &plan.passwords {
            let entries = users.iter().filter_map(|user| {
                let hash = materials.hashes.get(&*user.name.value)?;
                Some((&*user.name.value, hash.as_str(), user.name.span))
            });
            texts.push((name.clone(), printing.passwd(entries)));
        }
        texts
    }

    fn files(
        &self,
        texts: &[(String, Lines)],
        made: Vec<materials::Made>,
        user: &Text,
    ) -> Result<Vec<PackFile>, String> {
        let mut files = Vec::new();
        for (name, lines) in texts {
            let is_conf = name == "mosquitto.conf";
            files.push(PackFile {
                path: PackPath::new(name.clone()).map_err(|error| error.to_string())?,
                contents: Zeroizing::new(lines.text().as_bytes().to_vec()),
                secrecy: if is_conf { Secrecy::Public } else { Secrecy::Private },
                owner: if is_conf { "root".to_owned() } else { user.value.to_string() },
                install_path: Some(self.path(name)),
            });
        }
        for file in made {
            let is_brokers = file.is_private && file.is_installed;
            files.push(PackFile {
                install_path: file.is_installed.then(|| self.path(&file.path)),
                path: PackPath::new(file.path).map_err(|error| error.to_string())?,
                contents: file.contents,
                secrecy: if file.is_private { Secrecy::Private } else { Secrecy::Public },
                owner: if is_brokers { user.value.to_string() } else { "root".to_owned() },
            });
        }
        Ok(files)
    }
}
