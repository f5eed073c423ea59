use super::Context;
use super::option_not_in_target_version::word_elsewhere;
use crate::catalogue::{Kind, OptionId, Quirk, options};
use crate::model::notes::{Effect, Note, NoteKind, ValueProblem};
use crate::report::{Diagnostic, nearest};

rule! {
    /// The value is not one that the option takes.
    ///
    /// ## What it finds
    /// Missing values, truth values other than `true`, `false`, `1` and `0`, things that are no numbers or
    /// not between the bounds, words that the option does not know, texts with control characters, and
    /// whatever else an option refuses or reads in another way than it looks.
    ///
    /// ## Why it matters
    /// Mostly the broker stops at the line. Some values it takes for others, without a message: 2.0 reads the
    /// leading digits of a number, so that `10MB` is 10 and `yes` is 0. No number has a unit, except that of
    /// `persistent_client_expiration`.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// allow_anonymous yes
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: invalid value, exit 3
    /// - 2.0.21: does not start: invalid value, exit 3
    /// - 2.1.2: does not start: invalid value, exit 3
    "invalid-value", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::BadValue { option, problem } = &note.kind else { continue };
        let written = cx.sources.text(note.span);
        if *problem == ValueProblem::UnknownWord && word_elsewhere(*option, written.trim()).is_some() {
            continue;
        }
        let finding = describe(&Case { cx, note, option: *option, name: option.name() }, problem);
        cx.report(finding);
    }
}

/// A bad value of an option.
struct Case<'c, 'a> {
    cx: &'c Context<'a>,
    note: &'c Note,
    option: OptionId,
    name: &'static str,
}

impl Case<'_, '_> {
    /// A finding that says what becomes of the line.
    fn finding(&self, message: impl Into<String>) -> Diagnostic {
        let finding = self.cx.finding_on(self.note, message);
        match self.note.effect {
            Effect::Fatal => finding.note("the broker stops at this line"),
            _ => finding,
        }
    }

    /// The value in backticks, or words for it where it is a secret.
    fn value(&self) -> String {
        match self.option.entry().secret {
            true => "this".to_owned(),
            false => format!("`{}`", self.cx.text(self.note.span)),
        }
    }
}

fn describe(case: &Case<'_, '_>, problem: &ValueProblem) -> Diagnostic {
    let Case { name, .. } = case;
    match problem {
        ValueProblem::Empty => empty(case),
        ValueProblem::NotBool => truth_value(case),
        ValueProblem::NotNumber { read_as } => number(case, *read_as),
        ValueProblem::OutOfRange { min, max, taken } => range(case, *min, *max, *taken),
        ValueProblem::UnknownWord => word(case),
        ValueProblem::BadText => text(case),
        ValueProblem::TooLong { max } => {
            let finding = case.finding(format!("the value of `{name}` is longer than {max} bytes"));
            finding.help("shorten it")
        }
        ValueProblem::Wildcard => {
            let finding = case.finding(format!("`{name}` may not hold the wildcards `+` and `#`"));
            finding.help("write a plain prefix that ends in `/`")
        }
        ValueProblem::BadUnit => unit(case),
        ValueProblem::NotHex => {
            let finding = case.finding(format!("`{name}` takes 40 hexadecimal digits"));
            finding.help("write the SHA-1 of the password, in hexadecimal")
        }
        ValueProblem::Incomplete => incomplete(case),
        ValueProblem::BadDirection => {
            let finding = case.finding(format!("{} is no direction of `{name}`", case.value()));
            let near = nearest(&case.cx.text(case.note.span), ["in", "out", "both"]);
            finding.help(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write `in`, `out` or `both` behind the filter".to_owned(),
            })
        }
        ValueProblem::UnclosedQuote => {
            let finding = case.finding(format!("the quoted pattern of `{name}` does not end"));
            finding.help("leave the quotes out: they are for patterns with a blank, and part of the topic before 2.1")
        }
        ValueProblem::BadPrefix => {
            let finding = case.finding(format!("{} is no prefix of a bridge's `{name}`", case.value()));
            finding.help("write a plain beginning of a topic, without `+` and `#`, or `\"\"` for none")
        }
        ValueProblem::PatternMissing => {
            let finding =
                case.finding("an empty pattern stands for one topic, and the prefixes do not both say which");
            finding.help("give a local and a remote prefix, or a pattern")
        }
        ValueProblem::BadFilter => {
            let finding =
                case.finding(format!("prefix and pattern of this `{name}` make no valid filter together"));
            finding.help("end the prefix in `/`, and let `+` and `#` be whole levels")
        }
        ValueProblem::ShortKey => {
            let written = case.cx.text(case.note.span);
            let finding = case.finding(format!("the key in `{written}` is too short"));
            finding.help("give the plugin's option a key of three characters or more")
        }
    }
}

fn empty(case: &Case<'_, '_>) -> Diagnostic {
    let finding = case.finding(format!("`{}` has no value", case.cx.text(case.note.span).trim()));
    let finding = match case.note.effect {
        Effect::Fatal => finding,
        _ => finding.note("the broker says so in its log, and goes on as if the line were not there"),
    };
    let entry = case.option.entry();
    let words: Vec<_> = entry.words_at(case.cx.release).map(|word| format!("`{word}`")).collect();
    finding.help(match entry.kind {
        Kind::Bool => "write `true` or `false` behind it, or remove the line".to_owned(),
        Kind::Listener => "write a port behind it".to_owned(),
        Kind::Connection => "write a name for the bridge behind it".to_owned(),
        _ if words.is_empty() => "write a value behind it, or remove the line".to_owned(),
        _ => format!("write one of {} behind it", words.join(", ")),
    })
}

fn truth_value(case: &Case<'_, '_>) -> Diagnostic {
    let finding = case.finding(format!("`{}` takes `true` or `false`, not {}", case.name, case.value()));
    let written = case.cx.text(case.note.span).to_lowercase();
    let meant = match written.trim_matches(['"', '\'', ';', ',']) {
        "true" | "yes" | "on" | "enable" | "enabled" | "y" | "t" => "true",
        "false" | "no" | "off" | "disable" | "disabled" | "n" | "f" => "false",
        other => match nearest(other, ["true", "false"]) {
            Some(near) => near,
            None => return finding.help("write `true` or `false`"),
        },
    };
    finding.help(format!("write `{meant}`"))
}

fn number(case: &Case<'_, '_>, read_as: Option<i64>) -> Diagnostic {
    let message = match read_as {
        Some(number) => format!("`{}` is set to {number} by {}", case.name, case.value()),
        None => format!("`{}` takes a whole number, not {}", case.name, case.value()),
    };
    let mut finding = case.finding(message);
    let written = case.cx.text(case.note.span);
    if written.starts_with('0') && written.bytes().all(|byte| byte.is_ascii_digit()) {
        let finding = finding.note("2.0 reads a number with a leading zero as decimal, 2.1 as octal");
        return finding.help("write it without the leading zero");
    }
    if read_as.is_some() {
        finding = finding.note("the broker reads the leading digits and drops the rest without a message");
    }
    let unit = case.option.entry().unit;
    let kind = match unit {
        Some(unit) => format!("a plain number of {unit}"),
        None => "a plain number".to_owned(),
    };
    finding.help(match spelled_out(&written, unit) {
        Some(number) => format!("write `{number}`: the value is {kind}"),
        None => format!("write {kind}"),
    })
}

/// The number that somebody means who writes a unit behind it, or writes it in another base.
fn spelled_out(written: &str, unit: Option<&str>) -> Option<u64> {
    if let Some(hex) = written.strip_prefix("0x").or(written.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    let end = written.find(|character: char| !character.is_ascii_digit()).unwrap_or(written.len());
    let (digits, suffix) = written.split_at(end);
    let count: u64 = digits.parse().ok()?;
    let suffix = suffix.to_ascii_lowercase();
    let scale = match (unit, suffix.as_str()) {
        // A leading zero: which base was meant, its author knows.
        (_, "") => return None,
        (Some("bytes"), "b") => 1,
        (Some("bytes"), "k" | "kb" | "kib") => 1 << 10,
        (Some("bytes"), "m" | "mb" | "mib") => 1 << 20,
        (Some("bytes"), "g" | "gb" | "gib") => 1 << 30,
        (Some("seconds"), "s" | "sec") => 1,
        (Some("seconds"), "m" | "min") => 60,
        (Some("seconds"), "h") => 3600,
        (Some("seconds"), "d") => 86_400,
        (Some("minutes"), "m" | "min") => 1,
        (Some("minutes"), "h") => 60,
        (Some("minutes"), "d") => 1440,
        (Some("milliseconds"), "ms") => 1,
        (Some("milliseconds"), "s") => 1000,
        _ => return None,
    };
    count.checked_mul(scale)
}

fn range(case: &Case<'_, '_>, min: Option<i64>, max: Option<i64>, taken: Option<i64>) -> Diagnostic {
    if case.option == options::RESTART_TIMEOUT {
        let finding = case.finding("the numbers of `restart_timeout` do not fit together".to_owned());
        return finding.help("write the shortest wait, then a longest wait that is not shorter");
    }
    let bounds = match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("{min} or more"),
        (None, Some(max)) => format!("{max} or less"),
        (None, None) => "another number".to_owned(),
    };
    let name = match case.option {
        options::LISTENER => "the port of `listener`".to_owned(),
        _ => format!("`{}`", case.name),
    };
    let finding = case.finding(format!("{name} takes {bounds}, not {}", case.value()));
    match taken {
        Some(taken) => finding.note(format!("{taken} is taken in its place")).help(format!("write {bounds}")),
        None => finding.help(format!("write {bounds}")),
    }
}

fn word(case: &Case<'_, '_>) -> Diagnostic {
    let finding = case.finding(format!("`{}` does not know the word {}", case.name, case.value()));
    let known: Vec<&str> = case.option.entry().words_at(case.cx.release).collect();
    let listed: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
    let finding = finding.note(format!("it takes {}", listed.join(", ")));
    let written = case.cx.sources.text(case.note.span);
    if let Some(word) = known.iter().find(|word| **word == written.trim()) {
        return finding.help(format!("remove the blanks behind `{word}`, which count as a part of it"));
    }
    // Abbreviations are further off than a slip of the fingers.
    let long = |word: &&&str| written.len() > 2 && word.starts_with(&written);
    match known.iter().find(long).copied().or_else(|| nearest(&written, known.iter().copied())) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help("write one of these words"),
    }
}

/// The first character of a text that the broker refuses, and what it is.
fn refused_character(bytes: &[u8]) -> Option<(usize, usize, String)> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    let is_refused = |character: char| {
        let code = u32::from(character);
        character.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
    };
    match valid.char_indices().find(|(_, character)| is_refused(*character)) {
        Some((at, '\t')) => Some((at, at + 1, "a tab".to_owned())),
        Some((at, other)) => {
            Some((at, at + other.len_utf8(), format!("the character U+{:04X}", u32::from(other))))
        }
        None if valid.len() < bytes.len() => {
            let at = valid.len();
            Some((at, at + 1, format!("the byte {:02X}, which is not UTF-8", bytes[at])))
        }
        None => None,
    }
}

fn text(case: &Case<'_, '_>) -> Diagnostic {
    let bytes = case.cx.sources.slice(case.note.span);
    let found = refused_character(bytes);
    let what = found.as_ref().map_or("a character that is not allowed", |(_, _, what)| what);
    let mut finding = case.finding(format!("the value of `{}` holds {what}", case.name));
    if let Some((start, end, _)) = found {
        finding.primary.span = case.note.span.part(start, end);
    }
    finding.help("write it in UTF-8, without tabs and other control characters")
}

fn unit(case: &Case<'_, '_>) -> Diagnostic {
    let written = case.cx.text(case.note.span);
    let seconds = case.cx.release.has(Quirk::ExpirationInSeconds);
    let units = "`h`, `d`, `w`, `m` (months) or `y`";
    if written.ends_with('s') && !seconds {
        let finding = case.finding(format!("`{}` knows no seconds, as in {}", case.name, case.value()));
        return finding.note("seconds came with 2.1").help(format!("write a count of {units}"));
    }
    let finding = case.finding(format!("{} has no unit that `{}` knows", case.value(), case.name));
    match written.parse::<u32>() {
        Ok(count) => finding.help(format!("write a unit behind the number: {units}, such as `{count}d`")),
        Err(_) => finding.help(format!("write a whole number and one of {units}")),
    }
}

fn incomplete(case: &Case<'_, '_>) -> Diagnostic {
    match case.option {
        options::LOG_DEST => {
            let finding = case.finding("`log_dest file` has no path");
            finding.help("write the path of the log file behind `file`")
        }
        options::BRIDGE_TCP_KEEPALIVE => {
            let finding = case.finding(format!("`{}` takes three numbers", case.name));
            finding.help("write the idle time and the interval, in seconds, and the number of probes")
        }
        _ => {
            let finding = case.finding(format!("a word is missing in the value of `{}`", case.name));
            finding.help("write the whole value")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::trial::assert_found;

    #[test]
    fn values_of_every_kind() {
        let cases: &[(&str, &[&str])] = &[
            ("allow_anonymous TRUE", &["error|takes `true` or `false`, not `TRUE`"]),
            ("max_connections", &["error|has no value (2.1.2)", "warning|has no value (2.0.11 2.0.21)"]),
            (
                "max_queued_bytes 10MB",
                &["error|not `10MB` (2.1.2)", "warning|is set to 10 by `10MB` (2.0.11"],
            ),
            ("max_qos 3", &["error|`max_qos` takes 0 to 2, not `3` (2.0.11 2.0.21 2.1.2)"]),
            ("autosave_interval -1", &["warning|takes 0 or more"]),
            ("max_connections -5", &[]),
            (
                "max_connections 0100",
                &["warning|is set to 100|(2.0.11 2.0.21)", "warning|is set to 64|(2.1.2)"],
            ),
            ("log_type warn", &["error|does not know the word `warn`"]),
            ("pid_file a\tb", &["error|holds a tab"]),
            ("pid_file a\u{1}b", &["error|holds the character U+0001"]),
            ("mount_point a/#", &["error|may not hold the wildcards"]),
            ("persistent_client_expiration 14", &["error|no unit"]),
            ("persistent_client_expiration 14s", &["error|knows no seconds|(2.0.11 2.0.21)"]),
            ("tls_engine_kpass_sha1 secret", &["error|takes 40 hexadecimal digits"]),
            ("log_dest file", &["error|`log_dest file` has no path"]),
            ("plugin_opt_ab x", &["error|`plugin_opt_ab` is too short"]),
        ];
        for (line, expected) in cases {
            let expected: Vec<String> =
                expected.iter().map(|words| format!(" invalid-value: |{words}")).collect();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            assert_found(&format!("listener 1883 127.0.0.1\n{line}\n"), &[], &expected);
        }
        let expected = ["error option-not-in-target-version: the word `http_api`|(2.0.11 2.0.21)"];
        assert_found("listener 1883\nlistener 1884\nprotocol http_api\n", &[], &expected);
    }

    #[test]
    fn what_a_number_was_meant_to_be() {
        let cases = [
            ("64M", Some("bytes"), Some(67_108_864)),
            ("10KB", Some("bytes"), Some(10_240)),
            ("60s", Some("seconds"), Some(60)),
            ("2h", Some("minutes"), Some(120)),
            ("0x100", None, Some(256)),
            ("0100", None, None),
            ("many", Some("bytes"), None),
            ("99999999999999999999G", Some("bytes"), None),
            ("9999999999999999999G", Some("bytes"), None),
        ];
        for (written, unit, expected) in cases {
            assert_eq!(spelled_out(written, unit), expected, "{written}");
        }
    }
}
