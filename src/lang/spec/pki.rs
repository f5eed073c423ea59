//! Certificate authorities and certificates.

use super::decode::Decoder;
use super::fields::{AUTHORITY, CERTIFICATE, CLIENT_CERTIFICATE};
use super::findings::{error, quoted, rules};
use super::model::*;
use super::names::unknown;
use super::read::{self, Fields};
use crate::lang::yaml::{Key, Node};
use crate::text::Span;

/// Reads the section `pki`.
pub(super) fn read<'a>(decoder: &mut Decoder<'a, '_>, pki: Fields<'a>) -> Pki {
    let certificates = pki.map("certificates").iter();
    Pki {
        authorities: pki.map("authorities").iter().filter_map(authority).collect(),
        certificates: certificates.filter_map(|entry| certificate(decoder, entry)).collect(),
    }
}

fn authority((key, node): &(Key, Node)) -> Option<Authority> {
    let fields = Fields::of(&AUTHORITY, node)?;
    let origin = match fields.text("common_name") {
        Some(common_name) => AuthorityOrigin::Own { common_name, valid_for: fields.seconds("valid_for")? },
        None => AuthorityOrigin::Brought { certificate: fields.text("certificate")? },
    };
    Some(Authority { name: read::name(key), span: fields.span, origin })
}

fn certificate<'a>(decoder: &mut Decoder<'a, '_>, (key, node): &'a (Key, Node)) -> Option<Certificate> {
    let fields = Fields::of(&CERTIFICATE, node)?;
    let origin = match fields.text("authority") {
        Some(authority) => {
            check_issuer(decoder, &authority);
            let valid_for = fields.seconds("valid_for")?;
            let third = Spanned::new(valid_for.value / 3, valid_for.span);
            let renew_before = fields.seconds("renew_before").unwrap_or(third);
            if renew_before.value >= valid_for.value {
                let message = "the certificate would be renewed on every run";
                let finding = error(rules::BAD_VALUE, message, renew_before.span);
                let note = "`renew_before` is not shorter than `valid_for`";
                decoder.findings.add(finding.note(note).help("let `renew_before` be shorter"));
            }
            let names = fields.texts("names");
            let common_name = fields.text("common_name");
            names.first()?;
            CertificateOrigin::Issued { authority, names, common_name, valid_for, renew_before }
        }
        None => CertificateOrigin::Brought {
            chain: fields.text("chain")?,
            key: fields.text("key")?,
            copy: fields.flag("copy")?,
        },
    };
    Some(Certificate { name: read::name(key), span: fields.span, origin })
}

/// Complains of an authority that does not exist or that was brought without its key.
fn check_issuer(decoder: &mut Decoder<'_, '_>, name: &Text) {
    let Decoder { findings, names } = decoder;
    if names.own.contains(&&*name.value) {
        return;
    }
    match names.authorities.get(&*name.value) {
        None => unknown(findings, name, "authority", names.own.iter().copied()),
        Some(place) => {
            let message = format!("the authority `{}` cannot issue certificates", quoted(&name.value));
            let finding =
                error(rules::BAD_VALUE, message, name.span).related(*place, "brought, to trust only");
            findings.add(finding.help("name an authority with `common_name`"));
        }
    }
}

/// Reads the certificate of a user.
pub(super) fn client_certificate<'a>(
    decoder: &mut Decoder<'a, '_>,
    user: Fields<'a>,
) -> Option<ClientCertificate> {
    let node = user.node("certificate")?;
    let fields = match Fields::of(&CLIENT_CERTIFICATE, node) {
        Some(fields) => fields,
        None => {
            user.text("certificate")?;
            Fields::absent(&CLIENT_CERTIFICATE, node.span)
        }
    };
    let authority = match fields.entry("authority") {
        Some(_) => {
            let name = fields.text("authority")?;
            check_issuer(decoder, &name);
            name
        }
        None => default_issuer(decoder, node.span)?,
    };
    Some(ClientCertificate { span: node.span, authority, valid_for: fields.seconds("valid_for")? })
}

/// Who issues a user's certificate where no name is given: the only one who can, or the only one whose
/// certificates a listener asks for.
fn default_issuer(decoder: &mut Decoder<'_, '_>, span: Span) -> Option<Text> {
    let Decoder { findings, names } = decoder;
    let asked: Vec<&str> =
        names.own.iter().copied().filter(|own| names.client_authorities.contains(own)).collect();
    let finding = match (names.own.as_slice(), asked.as_slice()) {
        ([only], _) | (_, [only]) => return Some(Spanned::new((*only).into(), span)),
        ([], _) => {
            let message = "no authority can issue this certificate";
            let help = "add one below `pki`: `authorities: { devices: { common_name: Devices CA } }`";
            error(rules::MISSING_KEY, message, span).help(help)
        }
        (own, _) => {
            let shown: Vec<_> = own.iter().take(10).map(|name| format!("`{}`", quoted(name))).collect();
            let message = format!("several authorities could issue this certificate: {}", shown.join(", "));
            let help = format!("name one: `{{ authority: {} }}`", quoted(own[0]));
            error(rules::MISSING_KEY, message, span).help(help)
        }
    };
    findings.add(finding);
    None
}
