//! `moskit rule`: the manual pages of the rules.

use clap::Args;

use super::{Answer, Failure, NOTHING, output};
use crate::report::nearest;
use crate::rules;

/// Show the page of a rule, or list all rules
#[derive(Args)]
pub(super) struct Arguments {
    /// Name of the rule
    name: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Answer {
    let Some(name) = &arguments.name else {
        let longest = rules::all().iter().map(|rule| rule.name.len()).max().unwrap_or(0);
        let line = |rule: &&rules::Rule| {
            format!("{:longest$}  {:7}  {}\n", rule.name, rule.severity.as_str(), rule.summary())
        };
        output::report(&rules::all().iter().map(line).collect::<String>());
        return Ok(NOTHING);
    };
    let Some(rule) = rules::named(name) else {
        let near = nearest(name, rules::all().iter().map(|rule| rule.name));
        let hint = near
            .map_or_else(|| "`moskit rule` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Failure(format!("there is no rule `{name}`; {hint}")));
    };
    output::report(&format!("# {} ({})\n\n{}", rule.name, rule.severity.as_str(), rule.text()));
    Ok(NOTHING)
}
