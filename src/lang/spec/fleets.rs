//! Fleets: users whose names differ in a number.

use std::collections::HashMap;

use super::clients;
use super::decode::Decoder;
use super::fields::{FLEET, range_in};
use super::findings::{error, quoted, rules};
use super::model::{Fleet, Text, User};
use super::read::{self, Fields};
use crate::text::Span;

/// The most users that the fleets of a spec have together.
const MOST_USERS: usize = 100_000;

/// Reads the section `fleets` and adds their users.
pub(super) fn read<'a>(
    decoder: &mut Decoder<'a, '_>,
    root: Fields<'a>,
    with_user_name: &HashMap<&str, Span>,
    users: &mut Vec<User>,
) -> Vec<Fleet> {
    let mut fleets = Vec::new();
    for (key, node) in root.map("fleets") {
        let Some(fields) = Fields::of(&FLEET, node) else { continue };
        let Some(names) = fields.text("name").and_then(|text| names(decoder, &text)) else { continue };
        let Some(first) = names.first() else { continue };
        let name = read::name(key);
        let mut like = clients::described(decoder, fields, first.clone(), with_user_name);
        like.fleet = Some(name.value.clone());
        fleets.push(Fleet { name, size: names.len() });
        for name in names {
            let known = decoder.names.users.get(&*name.value).or(decoder.names.members.get(&*name.value));
            if let Some(known) = known {
                let message = format!("there are two users called `{}`", quoted(&name.value));
                let finding = error(rules::CONFLICT, message, name.span).related(*known, "the other one");
                decoder.findings.add(finding.help("change the range, or give the other one another name"));
                break;
            }
            decoder.names.members.insert(name.value.clone(), name.span);
            users.push(User { name, ..like.clone() });
        }
    }
    fleets
}

/// The names that a range stands for; its numbers are as wide as the first one.
fn names(decoder: &mut Decoder<'_, '_>, text: &Text) -> Option<Vec<Text>> {
    let (before, first, last, after) = range_in(&text.value)?;
    let (from, to) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
    let mut refuse = |message: String, help: &str| {
        decoder.findings.add(error(rules::BAD_VALUE, message, text.span).help(help));
    };
    if from > to {
        refuse(format!("the range `{first}..{last}` has no number"), "begin with the smaller number");
        return None;
    }
    if first.starts_with('0') && first.len() != last.len() {
        let message = format!("`{first}` and `{last}` are not equally wide");
        refuse(message, "write both with as many digits, or the first without zeros in front");
        return None;
    }
    if (to - from).saturating_add(decoder.names.members.len()) >= MOST_USERS {
        refuse(format!("fleets have at most {MOST_USERS} users together"), "make the range smaller");
        return None;
    }
    let width = first.len();
    let name = |number| Text::new(format!("{before}{number:0width$}{after}").into(), text.span);
    Some((from..=to).map(name).collect())
}
