use super::Context;
use super::acl_files::name_text;
use crate::model::acl::{Access, AclRule, Subject};
use crate::report::Severity;
use crate::text::Span;

rule! {
    /// `topic #` does not cover `$SYS`.
    ///
    /// ## What it finds
    /// Users who may read `#` and have no line on `$SYS`. It is a warning where the section grants reading
    /// and writing of everything to a user who is called like an administrator (`admin`, `root`, `master`,
    /// `monitor`), else a note.
    ///
    /// ## Why it matters
    /// A wildcard at the beginning of a topic never matches topics that begin with `$`. The broker's own
    /// figures below `$SYS` stay out of reach: subscribing to them is answered with success, and nothing
    /// comes.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user admin
    /// topic readwrite #
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user admin
    /// topic readwrite #
    /// topic read $SYS/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `admin` does not receive `$SYS/broker/uptime`
    /// - 2.0.21: starts: `admin` does not receive `$SYS/broker/uptime`
    /// - 2.1.2: starts: `admin` does not receive `$SYS/broker/uptime`
    "acl-hash-excludes-sys", Note, check
}

/// What a section says of everything.
#[derive(Default)]
struct Section {
    /// The line that grants reading of everything.
    reads: Option<Span>,
    writes: bool,
    /// Whether it has lines on anything else.
    has_more: bool,
    knows_sys: bool,
}

fn check(cx: &mut Context<'_>) {
    for file in cx.acl_files {
        let mut sections: Vec<Section> = Vec::new();
        let is_on_sys =
            |rule: &AclRule| rule.access != Access::Write && file.acl.filter(rule).starts_with(b"$SYS");
        let patterns = file.acl.rules.iter().filter(|rule| rule.subject == Subject::Everyone);
        if patterns.into_iter().any(is_on_sys) {
            continue;
        }
        sections.resize_with(file.acl.users.len(), Section::default);
        for rule in &file.acl.rules {
            let Subject::User(user) = rule.subject else { continue };
            let Some(section) = sections.get_mut(user as usize) else { continue };
            section.knows_sys |= is_on_sys(rule);
            match rule.access {
                _ if file.acl.filter(rule) != b"#" => section.has_more = true,
                Access::Read => section.reads = Some(file.acl.filter_span(rule)),
                Access::Write => section.writes = true,
                Access::ReadWrite => {
                    section.reads = Some(file.acl.filter_span(rule));
                    section.writes = true;
                }
                // It denies everything.
                Access::Deny => section.knows_sys = true,
            }
        }
        for (user, section) in file.acl.users.iter().zip(&sections) {
            let Some(span) = section.reads.filter(|_| !section.knows_sys) else { continue };
            let name = name_text(&user.name);
            let mut finding =
                cx.finding(span, format!("`#` does not cover `$SYS`, which {name} cannot read"));
            if section.writes && !section.has_more && is_administrator(&user.name) {
                finding.severity = Severity::Warning;
            }
            let finding = finding.note("a wildcard in front never matches a topic that begins with `$`");
            cx.report(
                finding
                    .help(format!("add `topic read $SYS/#`, if {name} is to see the broker's own figures")),
            );
        }
    }
}

/// Whether a name is one that people give to those who look after the broker.
fn is_administrator(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_lowercase();
    ["admin", "root", "master", "super", "monitor"].iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn readers_of_everything() {
        let cases = [
            ("user a\ntopic read #\n", 1),
            ("user admin\ntopic #\n", 1),
            ("user a\ntopic #\ntopic read $SYS/broker/#\n", 0),
            ("user a\ntopic #\npattern read $SYS/#\n", 0),
            ("user a\ntopic #\ntopic deny $SYS/#\n", 0),
            ("user a\ntopic write #\n", 0),
            ("topic #\n", 0),
            ("user a\ntopic read +/#\n", 0),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-hash-excludes-sys", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
