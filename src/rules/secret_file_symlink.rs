use super::Context;
use super::named_files::problems;
use crate::catalogue::options;
use crate::model::notes::FileProblem;

rule! {
    /// A password, ACL or key file is a symbolic link, which 2.1 refuses to follow.
    ///
    /// ## What it finds
    /// A `password_file`, `acl_file` or `psk_file` whose last part is a symbolic link, as in the folders that
    /// Kubernetes mounts for secrets. Links among the directories above it are no problem, and neither are
    /// links in `certfile` and `keyfile`.
    ///
    /// ## Why it matters
    /// From 2.1 on the broker does not start. From 2.1.1 on the environment variable
    /// `MOSQUITTO_UNSAFE_ALLOW_SYMLINKS` lifts that, which cannot be seen from the configuration.
    ///
    /// ## Example
    /// `passwords.link` is a symbolic link to `passwords`.
    ///
    /// ```mosquitto.conf bad
    /// listener 21883
    /// password_file passwords.link
    /// ```
    /// ```passwords bad
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883
    /// password_file passwords
    /// ```
    /// ```passwords good
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: the link is followed
    /// - 2.0.21: starts: the link is followed
    /// - 2.1.2: does not start: unable to open the file, exit 13
    "secret-file-symlink", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &[options::PASSWORD_FILE, options::ACL_FILE, options::PSK_FILE]) {
        let FileProblem::Link = problem.problem else { continue };
        let message = format!("`{}` is a symbolic link", problem.path.display());
        let finding = cx.finding_on(problem.note, message);
        let finding = finding.note("from 2.1 on the broker follows no link to such a file, and stops here");
        cx.report(finding.help(
            "name the file that the link leads to (in Kubernetes: mount it with `subPath`), or start the \
             broker with `MOSQUITTO_UNSAFE_ALLOW_SYMLINKS` set",
        ));
    }
}
