//! Comments that waive findings: `# moskit: ignore[rule] reason` for the line below,
//! `# moskit: accept[rule] reason` for the whole deployment.

use std::collections::{HashMap, HashSet};

use super::Diagnostic;
use crate::text::{SourceId, Sources, Span};

/// What the comments of a set of texts waive.
#[derive(Debug, Default)]
pub struct Waivers {
    lines: HashMap<(SourceId, u32), Vec<String>>,
    everywhere: HashSet<String>,
    /// Every rule name that a comment mentions, and where.
    pub mentions: Vec<(String, Span)>,
    /// Comments that say `moskit:` and cannot be understood.
    pub malformed: Vec<Span>,
}

impl Waivers {
    /// Reads the comments of every text.
    pub fn read(sources: &Sources) -> Self {
        let mut waivers = Self::default();
        for (id, source) in sources.iter() {
            let bytes = source.bytes();
            if memchr::memmem::find(bytes, b"moskit:").is_none() {
                continue;
            }
            for number in 1..=source.line_starts().len() as u32 {
                waivers.line(
                    id,
                    number,
                    source.line(number),
                    source.line_starts()[number as usize - 1] as usize,
                );
            }
        }
        waivers
    }

    fn line(&mut self, id: SourceId, number: u32, line: &[u8], start: usize) {
        let Ok(text) = std::str::from_utf8(line) else { return };
        let Some(comment) = text.trim_start().strip_prefix('#').map(str::trim_start) else { return };
        let Some(directive) = comment.strip_prefix("moskit:").map(str::trim_start) else { return };
        let offset = |part: &str| start + (part.as_ptr() as usize - text.as_ptr() as usize);
        let kind = directive.split('[').next().unwrap_or_default();
        let list = directive.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(list, _)| list);
        let (Some(list), "ignore" | "accept") = (list, kind) else {
            let end = offset(directive) + directive.len();
            return self.malformed.push(Span::new(id, offset(directive), end));
        };
        for rule in list.split(',').map(str::trim).filter(|rule| !rule.is_empty()) {
            self.mentions.push((rule.to_owned(), Span::new(id, offset(rule), offset(rule) + rule.len())));
            match kind {
                "accept" => drop(self.everywhere.insert(rule.to_owned())),
                _ => self.lines.entry((id, number)).or_default().push(rule.to_owned()),
            }
        }
    }

    /// Adds a rule that is waived everywhere.
    pub fn accept(&mut self, rule: &str) {
        self.everywhere.insert(rule.to_owned());
    }

    /// Whether a finding is waived: everywhere, or by the comment lines right above one of its places.
    pub fn waives(&self, finding: &Diagnostic, sources: &Sources) -> bool {
        if self.everywhere.contains(finding.rule) {
            return true;
        }
        let mut number = sources.position(finding.primary.span).line;
        let source = finding.primary.span.source;
        // Several waivers may stand above one line.
        while number > 1 {
            number -= 1;
            match self.lines.get(&(source, number)) {
                Some(rules) if rules.iter().any(|rule| rule == finding.rule) => return true,
                Some(_) => {}
                None => return false,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Severity;
    use crate::text::Source;

    #[test]
    fn comments_waive_the_line_below_or_everything() {
        let text = "# moskit: ignore[a, b] why\n  #moskit:ignore[c]\nx\n# moskit: accept[d] since\n# moskit: ignor[x]\n";
        let mut sources = Sources::default();
        let id = sources.add(Source::new("t", text.as_bytes()));
        let waivers = Waivers::read(&sources);
        let at = text.find('x').unwrap();
        let found = |rule| Diagnostic::new(rule, Severity::Error, "m", Span::new(id, at, at + 1));
        let waived = ["a", "b", "c", "d", "e"].map(|rule| waivers.waives(&found(rule), &sources));
        assert_eq!(waived, [true, true, true, true, false]);
        assert_eq!(waivers.malformed.len(), 1);
        assert_eq!(sources.text(waivers.mentions[1].1), "b");
    }
}
