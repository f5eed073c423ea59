//! The forms of texts: what the decoder asks, and the regular expression that says the same in the schema.

/// A form of text.
#[derive(Debug)]
pub(in crate::lang::spec) struct Pattern {
    /// What it is, with its article.
    pub(in crate::lang::spec) what: &'static str,
    /// Whether a text has the form.
    pub(in crate::lang::spec) matches: fn(&str) -> bool,
    /// The same as a regular expression of ECMA 262.
    pub(in crate::lang::spec) regex: &'static str,
    /// Why a text is not of the form, where more can be said than what the form is.
    pub(in crate::lang::spec) fault: Option<fn(&str) -> Option<&'static str>>,
    /// Whether a text of the form is a secret, so that messages do not repeat it.
    pub(in crate::lang::spec) is_secret: bool,
}

const fn pattern(what: &'static str, matches: fn(&str) -> bool, regex: &'static str) -> Pattern {
    Pattern { what, matches, regex, fault: None, is_secret: false }
}

/// What a line of a configuration file can hold, trimmed as the broker does.
pub(in crate::lang::spec) static TEXT: Pattern = pattern(
    "a text without control characters or blanks around it",
    |text| !text.is_empty() && !has_control(text) && !text.starts_with(' ') && !text.ends_with(' '),
    "^[^ \\u0000-\\u001f\\u007f-\\u009f]([^\\u0000-\\u001f\\u007f-\\u009f]*[^ \\u0000-\\u001f\\u007f-\\u009f])?$",
);

/// A sentence for people, of one or more lines.
pub(in crate::lang::spec) static REASON: Pattern = pattern(
    "a reason in words",
    |text| text.contains(|sign: char| !" \n\r\t".contains(sign)),
    "[^ \\n\\r\\t]",
);

/// A password in clear text.
pub(in crate::lang::spec) static PASSWORD: Pattern = Pattern {
    what: "a text",
    matches: |text| !text.is_empty(),
    regex: "^[\\s\\S]+$",
    fault: None,
    is_secret: true,
};

/// Any text.
pub(in crate::lang::spec) static ANY: Pattern = pattern("a text", |_| true, "^[\\s\\S]*$");

/// Any text, which may be a password.
pub(in crate::lang::spec) static SECRET: Pattern =
    Pattern { what: "a text", matches: |_| true, regex: "^[\\s\\S]*$", fault: None, is_secret: true };

/// What a client may call a topic or a filter, well formed or not: brokers are tested with both.
pub(in crate::lang::spec) static TOPIC: Pattern = pattern("a topic", |text| !text.is_empty(), "^[\\s\\S]+$");

/// Bytes as hexadecimal digits.
pub(in crate::lang::spec) static HEX: Pattern = pattern(
    "bytes of two hexadecimal digits each",
    |text| text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
    "^([0-9A-Fa-f]{2})*$",
);

/// The name of a variable.
pub(in crate::lang::spec) static VARIABLE_NAME: Pattern = pattern(
    "a name of small letters, digits and `_`",
    |text| {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(is_part)
    },
    "^[a-z][a-z0-9_]*$",
);

/// The value of a variable.
pub(in crate::lang::spec) static VARIABLE_VALUE: Pattern =
    pattern("a text", |text| !text.is_empty(), "^[\\s\\S]+$");

/// A variable in place of a value.
pub(in crate::lang::spec) static VARIABLE: Pattern = pattern(
    "a variable like `${name}`",
    |text| {
        let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        name.is_some_and(VARIABLE_NAME.matches)
    },
    "^\\$\\{[a-z][a-z0-9_]*\\}$",
);

/// A ready hash.
pub(in crate::lang::spec) static HASH: Pattern = Pattern {
    what: "a hash as a password file holds it, like `$7$101$…$…`",
    matches: |text| {
        let has_head = ["$6$", "$7$", "$argon2id$"].iter().any(|head| text.starts_with(head));
        has_head && !text.contains([':', ' ']) && !has_control(text)
    },
    regex: "^\\$(6|7|argon2id)\\$[^: \\u0000-\\u001f\\u007f-\\u009f]*$",
    fault: None,
    is_secret: true,
};

/// A name.
pub(in crate::lang::spec) static NAME: Pattern =
    pattern("a name without control characters or blanks around it", TEXT.matches, TEXT.regex);

/// Names that differ in a number.
pub(in crate::lang::spec) static FLEET_NAME: Pattern = pattern(
    "a name with one range of numbers, like `sensor-{001..500}`",
    |text| (NAME.matches)(text) && range_in(text).is_some(),
    concat!(
        "^([^ {}\\u0000-\\u001f\\u007f-\\u009f][^{}\\u0000-\\u001f\\u007f-\\u009f]*)?",
        "\\{[0-9]{1,9}\\.\\.[0-9]{1,9}\\}",
        "([^{}\\u0000-\\u001f\\u007f-\\u009f]*[^ {}\\u0000-\\u001f\\u007f-\\u009f])?$",
    ),
);

/// What stands before, in and behind the range of a fleet's name: the first and the last number as they are written.
pub(in crate::lang::spec) fn range_in(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (range, after) = rest.split_once('}')?;
    let (first, last) = range.split_once("..")?;
    let is_part = |digits: &str| (1..=9).contains(&digits.len()) && is_digits(digits);
    let is_range = is_part(first) && is_part(last) && !before.contains('}') && !after.contains(['{', '}']);
    is_range.then_some((before, first, last, after))
}

/// A file or directory.
pub(in crate::lang::spec) static PATH: Pattern = pattern("a path", TEXT.matches, TEXT.regex);

/// An absolute path without blanks, as a listener's line can hold it.
pub(in crate::lang::spec) static SOCKET: Pattern = pattern(
    "an absolute path of at most 107 bytes without blanks",
    |text| text.starts_with('/') && text.len() <= 107 && !text.contains(' ') && !has_control(text),
    "^/[^ \\u0000-\\u001f\\u007f-\\u009f]{0,106}$",
);

/// A host name or address, without blanks.
pub(in crate::lang::spec) static HOST: Pattern = pattern(
    "a host name or address",
    |text| !text.is_empty() && !text.contains([' ', '#']) && !has_control(text),
    "^[^ #\\u0000-\\u001f\\u007f-\\u009f]+$",
);

/// The name of an option.
pub(in crate::lang::spec) static OPTION: Pattern = pattern(
    "an option's name",
    |text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()),
    "^[!-~]+$",
);

/// The name of a rule of the linter.
pub(in crate::lang::spec) static RULE: Pattern = pattern(
    "a rule's name",
    |text| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    },
    "^[a-z0-9-]+$",
);

/// A release or a line of releases.
pub(in crate::lang::spec) static RELEASE: Pattern = pattern(
    "a release like `2.1.2` or a line of releases like `2.0`",
    |text| {
        let parts: Vec<_> = text.split('.').collect();
        let is_part = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (2..=3).contains(&parts.len()) && parts.iter().all(is_part)
    },
    "^[0-9]+\\.[0-9]+(\\.[0-9]+)?$",
);

/// A span of time.
pub(in crate::lang::spec) static DURATION: Pattern = pattern(
    "a span of time like `30m`, `12h`, `90d`, `4w` or `10y`",
    |text| {
        let digits = text.strip_suffix(['s', 'm', 'h', 'd', 'w', 'y']).unwrap_or_default();
        (1..=9).contains(&digits.len()) && !digits.starts_with('0') && is_digits(digits)
    },
    "^[1-9][0-9]{0,8}[smhdwy]$",
);

/// A subscription filter, as far as a regular expression goes.
pub(in crate::lang::spec) static FILTER: Pattern = Pattern {
    what: "a topic filter",
    matches: |text| filter_fault(text).is_none(),
    regex: concat!(
        "^(?=[^ ])(?!.* $)",
        "(\\+|[^+#/\\u0000-\\u001f\\u007f-\\u009f]*)",
        "(/(\\+|[^+#/\\u0000-\\u001f\\u007f-\\u009f]*))*(/#)?$|^#$",
    ),
    fault: Some(filter_fault),
    is_secret: false,
};

/// What stands in front of the topics of a listener.
pub(in crate::lang::spec) static TOPIC_PREFIX: Pattern = pattern(
    "a beginning of topics without wildcards",
    |text| (NAME.matches)(text) && !text.contains(['+', '#']),
    "^[^ +#\\u0000-\\u001f\\u007f-\\u009f]([^+#\\u0000-\\u001f\\u007f-\\u009f]*[^ +#\\u0000-\\u001f\\u007f-\\u009f])?$",
);

/// The levels that a filter may have at most, in every release.
const MAX_LEVELS: usize = 200;

/// Why a text is no filter that an ACL file can hold.
fn filter_fault(text: &str) -> Option<&'static str> {
    let levels = || text.split('/');
    match () {
        () if text.is_empty() => Some("a filter has at least one character"),
        () if text.len() > usize::from(u16::MAX) => Some("a filter has at most 65535 bytes"),
        () if has_control(text) => Some("a filter has no control characters"),
        () if text.starts_with(' ') || text.ends_with(' ') => {
            Some("an ACL file cannot hold a filter that begins or ends with a blank")
        }
        () if levels().any(|level| level.contains('+') && level.len() > 1) => {
            Some("`+` stands for a whole level: it needs `/` or the end on both sides")
        }
        () if text.strip_suffix('#').unwrap_or(text).contains('#') => Some("`#` stands only at the end"),
        () if text.ends_with('#') && text.len() > 1 && !text.ends_with("/#") => {
            Some("`#` stands for whole levels: it needs a `/` before it")
        }
        () if levels().count() > MAX_LEVELS => Some("a filter has at most 200 levels"),
        () => None,
    }
}

/// Whether a text is a whole number in its usual spelling.
pub(in crate::lang::spec) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text == "0" || (is_digits(digits) && !digits.starts_with('0'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts that are near to having some form.
    const NEAR: &str = "([a-c+#/ :.1-39$\\-dhy\u{e9}\u{1}\u{85}\u{a0}]{0,8}|[1-9]{1,10}[a-z]|[1-3.]{1,6}|\\$?\\{?[a-z_A1]{1,3}\\}?|[0-9a-gF]{2,5}|\\$[67]\\$[a:]{0,3})";

    proptest! {
        #[test]
        fn the_schema_says_the_same(text in NEAR) {
            let patterns = [
                &TEXT, &REASON, &PASSWORD, &HASH, &NAME, &FLEET_NAME, &PATH, &SOCKET, &HOST, &OPTION, &RULE, &RELEASE,
                &DURATION, &FILTER, &TOPIC_PREFIX, &ANY, &TOPIC, &HEX, &VARIABLE_NAME, &VARIABLE,
            ];
            for pattern in patterns {
                let schema = serde_json::json!({ "pattern": pattern.regex });
                let in_schema = jsonschema::draft202012::is_valid(&schema, &text.as_str().into());
                prop_assert_eq!((pattern.matches)(&text), in_schema, "{} {:?}", pattern.what, text);
            }
        }
    }
}
