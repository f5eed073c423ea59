//! Names that clients choose: which of them make a pattern reach into a filter.

use crate::access;

/// Names for one placeholder of a pattern.
pub(super) struct Claims {
    /// For every way in which the pattern can have a topic in common with the filter, a name that does it; the names
    /// agree on nothing that is not needed for that.
    pub(super) names: Vec<String>,
    /// Whether these are all ways. They are not where one level holds several placeholders.
    pub(super) complete: bool,
}

/// Names that stand for `placeholder` in `pattern`, so that some topic of `target` is matched.
///
/// Where a release takes placeholders `by_level`, they are whole levels and so are the names; else they are replaced
/// anywhere, by names of any number of levels. `fresh` is part of no filter.
pub(super) fn claims(pattern: &str, placeholder: &str, target: &str, by_level: bool, fresh: &str) -> Claims {
    let levels: Vec<&str> = pattern.split('/').collect();
    let targets: Vec<&str> = target.split('/').collect();
    let most = if by_level { 1 } else { levels.len().max(targets.len()) + 2 };
    let mut names: Vec<String> = Vec::new();
    for count in 1..=most {
        let Some(name) = claim(&levels, placeholder, &targets, (count, by_level), fresh) else { continue };
        let is_legal = !name.is_empty() && !name.contains(['+', '#']);
        let is_front = levels[0] == placeholder && name.starts_with('$');
        let fits = !by_level || !(is_front || name.contains('/'));
        if !is_legal || !fits || names.contains(&name) {
            continue;
        }
        let filter = match by_level {
            true => levels
                .iter()
                .map(|level| if *level == placeholder { &name } else { *level })
                .collect::<Vec<_>>()
                .join("/"),
            false => pattern.replace(placeholder, &name),
        };
        // Another placeholder, which is put in its place later, may be any level.
        let filter: Vec<_> =
            filter.split('/').map(|level| if is_other(level, &name) { "+" } else { level }).collect();
        if access::meet(filter.join("/").as_bytes(), target.as_bytes()).is_some() {
            names.push(name);
        }
    }
    let several = |level: &&&str| level.matches("%u").count() + level.matches("%c").count() > 1;
    let other = if placeholder == "%c" { "%u" } else { "%c" };
    let begin = levels.iter().take_while(|level| !level.contains(placeholder) && !level.contains(other));
    let begin: Vec<&str> = begin.copied().chain(["#"]).collect();
    let may_meet = begin.len() == 1 || access::meet(begin.join("/").as_bytes(), target.as_bytes()).is_some();
    let is_hard = levels.iter().any(|level| several(&level)) || (!by_level && pattern.contains(other));
    let complete = !(is_hard && may_meet);
    Claims { names, complete }
}

fn is_other(level: &str, name: &str) -> bool {
    (level == "%c" || level == "%u") && !name.split('/').any(|part| part == level)
}

/// The name of so many levels that lets the levels of a pattern be those of a target; free levels are fresh.
fn claim(
    levels: &[&str],
    placeholder: &str,
    targets: &[&str],
    (count, by_level): (usize, bool),
    fresh: &str,
) -> Option<String> {
    let open = targets.last() == Some(&"#");
    let wanted = |at: usize| match targets.get(at) {
        Some(&"#") => Some(None),
        Some(&"+") => Some(None),
        Some(text) => Some(Some(*text)),
        None => open.then_some(None),
    };
    let mut parts: Vec<Option<&str>> = vec![None; count];
    let mut at = 0;
    for level in levels {
        let around = match by_level {
            true => (*level == placeholder).then_some(("", "")),
            false => level.split_once(placeholder),
        };
        let Some((before, after)) = around else {
            at += 1;
            continue;
        };
        for (index, part) in parts.iter_mut().enumerate() {
            let Some(mut text) = wanted(at + index)? else { continue };
            if index == 0 {
                text = text.strip_prefix(before)?;
            }
            if index + 1 == count {
                text = text.strip_suffix(after)?;
            }
            part.get_or_insert(text);
        }
        at += count;
    }
    let name = parts.iter().enumerate().map(|(index, part)| match (part, index) {
        (Some(text), _) => (*text).to_owned(),
        (None, 0) => fresh.to_owned(),
        (None, index) => format!("{fresh}{index}"),
    });
    Some(name.collect::<Vec<_>>().join("/"))
}

/// A filter that has all topics that a pattern has for any client id; `None` where those may be any topics.
pub(super) fn widest(pattern: &str, by_level: bool) -> Option<String> {
    match pattern.split_once("%c") {
        None => Some(pattern.to_owned()),
        Some(_) if by_level => {
            let levels = pattern.split('/').map(|level| if level == "%c" { "+" } else { level });
            Some(levels.collect::<Vec<_>>().join("/"))
        }
        Some((before, _)) => before.rsplit_once('/').map(|(levels, _)| format!("{levels}/#")),
    }
}

/// A text that is part of none of the given texts.
pub(super) fn fresh<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> String {
    let is_free = |name: &String| texts.clone().all(|text| !text.contains(&**name));
    let numbered = (1u32..).map(|number| format!("any{number}"));
    std::iter::once("any".to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_reach() {
        type Case = (&'static str, &'static str, bool, &'static [&'static str]);
        let cases: &[Case] = &[
            ("d/%c/#", "d/admin/cmd", true, &["admin"]),
            ("d/%c/#", "d/admin/cmd", false, &["admin", "admin/cmd"]),
            ("%c/+", "plant/+/cmd", true, &[]),
            ("%c/+", "plant/+/cmd", false, &["plant/any1"]),
            ("%c/#", "$CONTROL/#", true, &[]),
            ("%c", "$CONTROL/x", false, &["$CONTROL/x"]),
            ("x%c/a", "xy/+", false, &["y"]),
            ("x%c/a", "xy/+", true, &[]),
            ("d/%c", "d/+", true, &["any"]),
            ("d/%c", "e/+", true, &[]),
            ("d/%c/secret", "d/+/open", false, &[]),
            ("%c/%c", "+/b", true, &["b"]),
            ("%c/%c", "a/b", true, &[]),
            ("%c/%c", "a/b/a/b", false, &["a/b"]),
        ];
        for (pattern, target, by_level, expected) in cases {
            let found = claims(pattern, "%c", target, *by_level, "any");
            assert_eq!(found.names, *expected, "{pattern} {target} {by_level}");
            assert!(found.complete, "{pattern}");
        }
        assert!(!claims("%c%c", "%c", "a", false, "any").complete);
        assert!(!claims("%u/%c", "%c", "a", false, "any").complete);
        assert!(claims("%u/%c", "%c", "a", true, "any").complete);
    }
}
