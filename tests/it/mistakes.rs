//! What a printer could do wrong: packs that differ from the right one in one line.

use moskit::compile::Compiled;
use moskit::compile::pack::Pack;
use proptest::sample::Index;
use zeroize::Zeroizing;

/// Packs that are wrong in one line of a generated file.
pub(crate) fn mistakes(compiled: &Compiled, pick: &Index) -> Vec<(&'static str, Pack)> {
    let one = |(kind, change): &(&'static str, Change)| {
        let packs = all_changed(compiled, *change);
        (!packs.is_empty()).then(|| (*kind, pick.get(&packs).clone()))
    };
    MISTAKES.iter().filter_map(one).collect()
}

/// A change to one line: its new text, or `None` where it is not for this line. The second text is the user of the section.
pub(crate) type Change = fn(&str, Option<&str>) -> Option<String>;

/// What a printer could do wrong.
pub(crate) const MISTAKES: &[(&str, Change)] = &[
    ("a lost denial", |line, _| line.contains(" deny ").then(String::new)),
    ("a denial in the wrong layer, so that grants win over it", |line, user| {
        user.and(line.strip_prefix("topic deny ")).map(|filter| format!("pattern deny {filter}"))
    }),
    ("a grant in the wrong layer", |line, user| {
        user.and(line.strip_prefix("topic "))
            .filter(|rest| !rest.starts_with("deny"))
            .map(|rest| format!("pattern {rest}"))
    }),
    ("a section that begins too early", |line, user| {
        (user.is_none() && line.starts_with("topic ")).then(|| format!("user bob\n{line}"))
    }),
    ("a dropped user", |line, user| {
        (user.is_some() && line.starts_with("user ")).then(|| "user nobody".to_owned())
    }),
    ("a user without a password", |line, _| line.contains(":$").then(|| "# gone".to_owned())),
    ("a name that is cut", |line, _| {
        let name = line.strip_prefix("user ")?;
        let cut: Vec<char> = name.chars().collect();
        (cut.len() > 1).then(|| format!("user {}", cut[..cut.len() - 1].iter().collect::<String>()))
    }),
    ("a placeholder that is not replaced", |line, user| {
        let name = user.filter(|name| line.starts_with("topic ") && line.contains(*name))?;
        Some(line.replace(name, "%u"))
    }),
];

/// The packs with the change made to one of the lines that it fits.
pub(crate) fn all_changed(compiled: &Compiled, change: Change) -> Vec<Pack> {
    let mut packs = Vec::new();
    for (number, file) in compiled.pack.files().iter().enumerate() {
        let text = String::from_utf8(file.contents.to_vec()).unwrap();
        let is_acl = file.path.as_str().starts_with("aclfile");
        let mut user = None;
        for (at, line) in text.lines().enumerate() {
            user = line.strip_prefix("user ").or(user);
            if line.starts_with('#') || !(is_acl || line.contains(":$")) {
                continue;
            }
            let Some(line) = change(line, user.filter(|_| is_acl)) else { continue };
            let mut files = compiled.pack.files().to_vec();
            let lines = text.lines().enumerate().map(|(index, old)| if index == at { &*line } else { old });
            let text: String = lines.flat_map(|line| [line, "\n"]).collect();
            files[number].contents = Zeroizing::new(text.into_bytes());
            packs.push(Pack::new(files).unwrap());
        }
    }
    packs
}
