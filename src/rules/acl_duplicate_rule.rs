use super::Context;
use crate::access::DeadKind;

rule! {
    /// A line of the ACL file repeats an earlier one.
    ///
    /// ## What it finds
    /// Lines with the same access and topic as an earlier line for the same user, for clients without a user
    /// name, or of the same pattern.
    ///
    /// ## Why it matters
    /// The second line has no effect. Who changes one of them and overlooks the other changes nothing.
    ///
    /// ## Example
    /// ```aclfile bad
    /// user alice
    /// topic read plant/#
    /// topic read plant/#
    /// ```
    ///
    /// ## Instead
    /// ```aclfile good
    /// user alice
    /// topic read plant/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` reads `plant/door`, as with one of the lines
    /// - 2.0.21: starts: `alice` reads `plant/door`, as with one of the lines
    /// - 2.1.2: starts: `alice` reads `plant/door`, as with one of the lines
    "acl-duplicate-rule", Note, check
}

fn check(cx: &mut Context<'_>) {
    for file in cx.acl_files {
        for dead in file.dead(cx.release).iter().filter(|dead| dead.kind == DeadKind::Duplicate) {
            let firsts: Vec<_> = dead.causes.iter().map(|cause| file.span(*cause)).collect();
            let message = format!("the line repeats {}", cx.lines_text(&firsts));
            let mut finding = cx.finding(file.span(dead.rule), message);
            for first in firsts {
                finding = finding.related(first, "first here");
            }
            let finding =
                finding.note("it has no effect, and a change of only one of the two has none either");
            cx.report(finding.help("delete one of them"));
        }
    }
}
