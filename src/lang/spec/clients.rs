//! Roles, users and their rights.

use std::collections::HashMap;

use super::decode::Decoder;
use super::fields::{ACL_ENTRY, PASSWORD_SOURCE, ROLE, USER};
use super::findings::{error, quoted, rules};
use super::fleets;
use super::model::*;
use super::names::unknown;
use super::pki;
use super::read::{self, Fields};
use crate::lang::yaml::{Key, Node};
use crate::model::acl::Access;
use crate::text::Span;

/// The longest name that a line of a password file or an ACL file can hold, in bytes.
const MAX_NAME_BYTES: usize = 65_535;

/// The words of an entry and what they give or take.
const ACCESSES: [(&str, Access); 4] = [
    ("read", Access::Read),
    ("write", Access::Write),
    ("readwrite", Access::ReadWrite),
    ("deny", Access::Deny),
];

/// Reads the sections `roles`, `users` and `fleets`; the users of fleets follow the others.
pub(super) fn read<'a>(
    decoder: &mut Decoder<'a, '_>,
    root: Fields<'a>,
) -> (Vec<Role>, Vec<User>, Vec<Fleet>) {
    let mut roles = Vec::new();
    for (key, node) in root.map("roles") {
        let Some(fields) = Fields::of(&ROLE, node) else { continue };
        let acl = named_acl(decoder, fields);
        roles.push(Role { name: read::name(key), acl });
    }
    let with_user_name: HashMap<&str, Span> =
        roles.iter().filter_map(|role| Some((&*role.name.value, user_name_in(&role.acl)?))).collect();
    let mut users: Vec<User> =
        root.map("users").iter().filter_map(|entry| user(decoder, entry, &with_user_name)).collect();
    let fleets = fleets::read(decoder, root, &with_user_name, &mut users);
    (roles, users, fleets)
}

/// The rights of clients without a user name.
pub(super) fn for_anonymous<'a>(decoder: &mut Decoder<'a, '_>, fields: Fields<'a>) -> Vec<AclEntry> {
    let entries = acl(fields);
    for AclEntry { filter, .. } in &entries {
        if filter.value.contains("%u") {
            let note = "an anonymous client has no user name";
            misplaced(decoder, filter, "%u", note, "name the topic itself");
        } else {
            check_client_id(decoder, filter);
        }
    }
    entries
}

/// The rights of a role or user.
fn named_acl<'a>(decoder: &mut Decoder<'a, '_>, fields: Fields<'a>) -> Vec<AclEntry> {
    let entries = acl(fields);
    for AclEntry { filter, .. } in &entries {
        check_client_id(decoder, filter);
    }
    entries
}

fn check_client_id(decoder: &mut Decoder<'_, '_>, filter: &Text) {
    if filter.value.contains("%c") {
        let note = "Mosquitto knows `%c` only in rules for every client";
        misplaced(decoder, filter, "%c", note, "move the entry to `all_clients`");
    }
}

pub(super) fn misplaced(
    decoder: &mut Decoder<'_, '_>,
    filter: &Text,
    placeholder: &str,
    note: &str,
    help: &str,
) {
    let message = format!("`{placeholder}` cannot stand in this list");
    decoder.findings.add(error(rules::BAD_VALUE, message, filter.span).note(note).help(help));
}

/// The list `acl` of a map, unchecked.
pub(super) fn acl(fields: Fields<'_>) -> Vec<AclEntry> {
    let items = fields.node("acl").and_then(Node::list).unwrap_or_default();
    let mut entries = Vec::with_capacity(items.len());
    for item in items {
        let Some(item) = Fields::of(&ACL_ENTRY, item) else { continue };
        for (word, access) in ACCESSES {
            let Some((key, _)) = item.entry(word) else { continue };
            for filter in item.texts(word) {
                entries.push(AclEntry { access: Spanned::new(access, key.span), filter });
            }
        }
    }
    entries
}

fn user<'a>(
    decoder: &mut Decoder<'a, '_>,
    (key, node): &'a (Key, Node),
    with_user_name: &HashMap<&str, Span>,
) -> Option<User> {
    let fields = Fields::of(&USER, node)?;
    Some(described(decoder, fields, read::name(key), with_user_name))
}

/// A user of this name, as the fields of a user or a fleet describe it.
pub(super) fn described<'a>(
    decoder: &mut Decoder<'a, '_>,
    fields: Fields<'a>,
    name: Text,
    with_user_name: &HashMap<&str, Span>,
) -> User {
    let source = fields.fields("password", &PASSWORD_SOURCE);
    check_name(decoder, &name, source.is_some());
    let acl = named_acl(decoder, fields);
    if let Some(own) = user_name_in(&acl) {
        check_expansion(decoder, &name, own, own);
    }
    let mut roles = Vec::new();
    for role in fields.texts("roles") {
        if decoder.names.roles.contains_key(&*role.value) {
            if let Some(place) = with_user_name.get(&*role.value) {
                check_expansion(decoder, &name, role.span, *place);
            }
            roles.push(role);
        } else {
            let known = decoder.names.roles.keys().copied();
            unknown(&mut decoder.findings, &role, "role", known);
        }
    }
    User {
        name,
        span: fields.span,
        fleet: None,
        password: source.and_then(password),
        certificate: pki::client_certificate(decoder, fields),
        roles,
        acl,
    }
}

/// Where `%u` occurs first.
fn user_name_in(acl: &[AclEntry]) -> Option<Span> {
    acl.iter().find(|entry| entry.filter.value.contains("%u")).map(|entry| entry.filter.span)
}

/// A user name that holds a wildcard cannot take the place of `%u`: it would match other users' topics.
fn check_expansion(decoder: &mut Decoder<'_, '_>, name: &Text, place: Span, filter: Span) {
    if !name.value.contains(['+', '#']) {
        return;
    }
    let message = format!("`%u` cannot stand for the user name `{}`", quoted(&name.value));
    let finding = error(rules::BAD_VALUE, message, place)
        .note("its `+` or `#` would be a wildcard and reach other users' topics")
        .related(name.span, "the user");
    let finding = if place == filter { finding } else { finding.related(filter, "`%u` is here") };
    decoder.findings.add(finding.help("give the user another name, or write the filter out"));
}

/// Complains of names that no line of a password file or an ACL file can hold.
fn check_name(decoder: &mut Decoder<'_, '_>, name: &Text, has_password: bool) {
    let text: &str = &name.value;
    let fault = match () {
        () if text.len() > MAX_NAME_BYTES => "a user name has at most 65535 bytes",
        () if has_password && text.contains(':') => "a password file ends the name at the first `:`",
        () if has_password && text.starts_with('#') => {
            "a password file takes a line that begins with `#` for a comment"
        }
        () => return,
    };
    let message = format!("`{}` cannot be a user name", quoted(text));
    let finding = error(rules::BAD_VALUE, message, name.span);
    decoder.findings.add(finding.note(fault).help("give the user another name"));
}

pub(super) fn password(fields: Fields<'_>) -> Option<Spanned<Password>> {
    let source = |key: &str, make: fn(std::sync::Arc<str>) -> Password| {
        let text = fields.text(key)?;
        Some(Spanned::new(make(text.value), text.span))
    };
    source("env", Password::Env)
        .or_else(|| source("file", Password::File))
        .or_else(|| source("command", Password::Command))
        .or_else(|| source("hash", |text| Password::Hash(Secret::new(text))))
        .or_else(|| source("generate", |_| Password::Generate))
        .or_else(|| source("plain", |text| Password::Plain(Secret::new(text))))
}
