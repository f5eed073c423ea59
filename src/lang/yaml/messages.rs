//! The parser's errors in our words.

use granit_parser::ErrorKind;

/// What is wrong and what to do about it.
pub(super) fn explain(kind: &ErrorKind) -> (String, Option<&'static str>) {
    use ErrorKind::*;
    let (message, help): (&str, &str) = match kind {
        UnclosedFlowCollection { open: '[' } => ("this `[` is never closed", "close it with `]`"),
        UnclosedFlowCollection { .. } => ("this `{` is never closed", "close it with `}`"),
        UnexpectedEofFlowSequence => ("the text ends inside `[`", "close it with `]`"),
        UnexpectedEofFlowMapping | UnexpectedEofImplicitFlowMapping => {
            ("the text ends inside `{`", "close it with `}`")
        }
        MismatchedFlowCollectionEnd { .. } | MisplacedFlowCollectionEnd => {
            ("this bracket closes none that is open", "let each `[` end in `]` and each `{` in `}`")
        }
        ExpectedFlowSequenceSeparator => ("a `,` or `]` is missing here", "put `,` between entries"),
        ExpectedFlowMappingSeparator => ("a `,` or `}` is missing here", "put `,` between entries"),
        UnclosedQuotedScalar => ("this quote is never closed", "end the text with the same quote"),
        InvalidTrailingSingleQuotedScalar | InvalidTrailingDoubleQuotedScalar => {
            ("something follows a quoted text", "put the whole value in quotes")
        }
        UnknownQuotedScalarEscape => ("no such escape in double quotes", "use single quotes, or `\\\\`"),
        TabNotAllowed | TabInBlockIndentation | TabInIndentation | TabAtBlockScalarStart => {
            ("a tab cannot indent", "indent with spaces")
        }
        MappingValueNotAllowed | InvalidColonPlacement => (
            "a `:` cannot stand here",
            "put a value that holds `: ` in quotes, or check brackets and indentation",
        ),
        ExpectedBlockMappingKey | SimpleKeyExpected | InvalidIndentation => {
            ("a `key: value` is expected here", "check the indentation and the line above")
        }
        ExpectedBlockSequenceEntry => ("a `- entry` is expected here", "check the indentation"),
        BlockSequenceEntryNotAllowed | BlockEntryInFlowCollection => {
            ("a `- entry` cannot stand here", "begin it on a line of its own, outside of brackets")
        }
        MissingAnchorOrAliasName => {
            ("a name is missing after `&` or `*`", "put a text that begins with `&` or `*` in quotes")
        }
        CommentNotSeparated => ("a comment needs a blank before `#`", "put a text that holds `#` in quotes"),
        CommentInterceptedScalar => ("a comment stands inside a text", "put the text in quotes"),
        DocumentIndicatorInQuotedScalar => ("the document ends inside quotes", "close the quote"),
        InvalidSimpleKey => {
            ("a key must stand on one line, with its `:`", "check the line above for a missing `:`")
        }
        UnexpectedCharacter { character } => {
            return (format!("`{}` cannot stand here", character.escape_default()), None);
        }
        other => return (other.to_string().to_lowercase().trim_end_matches('.').to_owned(), None),
    };
    (message.to_owned(), Some(help))
}
