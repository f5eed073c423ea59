use super::Context;
use crate::model::notes::{AclNote, NoteKind};

rule! {
    /// A user has two sections in the ACL file.
    ///
    /// ## What it finds
    /// A `user` line whose name an earlier section has already, with the section of another user in between.
    ///
    /// ## Why it matters
    /// Every release reads sections of one name as one, so the name gets what all of them give. That may be
    /// meant. More often a section was copied and its name was not changed: then one user gets what was meant
    /// for another, who gets nothing.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user salon
    /// topic readwrite casa/salon/#
    ///
    /// user jardin
    /// topic readwrite casa/jardin/#
    ///
    /// user salon
    /// topic readwrite casa/cocina/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user salon
    /// topic readwrite casa/salon/#
    ///
    /// user jardin
    /// topic readwrite casa/jardin/#
    ///
    /// user cocina
    /// topic readwrite casa/cocina/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `salon` may use `casa/cocina/#`, and `cocina` nothing
    /// - 2.0.21: starts: `salon` may use `casa/cocina/#`, and `cocina` nothing
    /// - 2.1.2: starts: `salon` may use `casa/cocina/#`, and `cocina` nothing
    "acl-user-section-repeated", Note, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Acl(AclNote::UserAgain { first }) = note.kind else { continue };
        let message = format!("the user `{}` has a section above already", cx.text(note.span));
        let finding = cx.finding_on(note, message).related(first, "the first section");
        let finding = finding.note("sections of one name count as one; a copy may have kept the name");
        cx.report(finding.help("write the name that is meant, or move the lines to the first section"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn sections_of_one_name() {
        let cases = [
            ("user a\ntopic x\nuser b\ntopic y\nuser a\ntopic z\n", 1),
            ("user a\ntopic x\nuser b\nuser a\nuser b\nuser a\n", 3),
            ("user a\ntopic x\n\nuser a\ntopic z\npattern read %u\nuser a\n", 0),
            ("user a\ntopic x\nuser a b\ntopic y\nuser A\ntopic z\n", 0),
            ("topic x\nuser a\ntopic y\nuser b\nuser  a \ntopic z\n", 1),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-user-section-repeated", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
