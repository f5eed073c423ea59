//! Dead lines of small files, and of files that are made to be hard.

use super::super::sample::acl;
use super::*;

#[test]
fn lines_and_why_they_are_dead() {
    use DeadKind::{Duplicate, GivenByPatterns, NeverMatches, NothingToDeny, Overridden, Redundant};
    type Found = (usize, DeadKind, &'static [usize]);
    let cases: &[(&str, &[Found], &[Found])] = &[
        ("topic read a/b\ntopic read a/#", &[(0, Redundant, &[1])], &[(0, Redundant, &[1])]),
        ("topic read a/b\nuser u\ntopic read a/#", &[], &[]),
        ("topic readwrite a\ntopic read +", &[], &[]),
        (
            "topic readwrite a\ntopic read +\ntopic write #",
            &[(0, Redundant, &[1, 2])],
            &[(0, Redundant, &[1, 2])],
        ),
        ("topic read #\ntopic read $x/a\ntopic read +/#", &[(2, Redundant, &[0])], &[(2, Redundant, &[0])]),
        (
            "topic read a\ntopic read a/+/#\ntopic read a/#",
            &[(0, Redundant, &[2]), (1, Redundant, &[2])],
            &[(0, Redundant, &[2]), (1, Redundant, &[2])],
        ),
        (
            "topic read a\ntopic write a/+/#\ntopic read a/+/#\ntopic deny a/b/#\ntopic read a/b/c",
            &[(4, Overridden, &[3])],
            &[(4, Overridden, &[3])],
        ),
        (
            "topic read a\nuser u\ntopic read a\ntopic read a\nuser u\ntopic read a",
            &[(2, Duplicate, &[1]), (3, Duplicate, &[1])],
            &[(2, Duplicate, &[1]), (3, Duplicate, &[1])],
        ),
        (
            "topic read a\ntopic read a\ntopic read #",
            &[(0, Redundant, &[2]), (1, Redundant, &[2])],
            &[(0, Redundant, &[2]), (1, Redundant, &[2])],
        ),
        ("topic read a\ntopic deny b/#", &[(1, NothingToDeny, &[])], &[(1, NothingToDeny, &[])]),
        ("topic deny b/#\npattern read b/%c", &[], &[]),
        ("topic deny b/#\npattern read b/%u", &[(0, NothingToDeny, &[])], &[(0, NothingToDeny, &[])]),
        ("user u\ntopic deny b/v\npattern read b/%u", &[(0, NothingToDeny, &[])], &[(0, NothingToDeny, &[])]),
        ("pattern deny s/%u\nuser u\ntopic read #", &[(0, NothingToDeny, &[])], &[(0, NothingToDeny, &[])]),
        (
            "topic write $SYS/#\ntopic write $SYS/x\ntopic read $share/#\ntopic read a\tb",
            &[(1, NeverMatches, &[]), (2, NeverMatches, &[]), (3, NeverMatches, &[])],
            &[(1, NeverMatches, &[]), (2, NeverMatches, &[]), (3, NeverMatches, &[])],
        ),
        ("topic readwrite $SYS/x\ntopic read $SYS/+", &[(0, Redundant, &[1])], &[(0, Redundant, &[1])]),
        (
            "user u\ntopic read a/u\npattern read a/%u",
            &[(0, GivenByPatterns, &[1])],
            &[(0, GivenByPatterns, &[1])],
        ),
        ("user u\ntopic read a\npattern read #\npattern deny a", &[], &[]),
        (
            "topic read a/b\npattern read a/+\npattern deny %u/#",
            &[(0, GivenByPatterns, &[1])],
            &[(0, GivenByPatterns, &[1])],
        ),
        ("user a+\ntopic read a\npattern read #", &[], &[]),
        ("user $x\ntopic read $x/f\npattern read %u/f", &[(0, GivenByPatterns, &[1])], &[]),
        (
            "topic read a/b\ntopic read a/#\npattern read a/#",
            &[(0, GivenByPatterns, &[2]), (1, GivenByPatterns, &[2])],
            &[(0, GivenByPatterns, &[2]), (1, GivenByPatterns, &[2])],
        ),
        (
            "topic read a/b\ntopic read a/#\npattern read a/b",
            &[(0, Redundant, &[1])],
            &[(0, Redundant, &[1])],
        ),
        ("pattern read p/%c/a\npattern read p/+/a", &[], &[(0, Redundant, &[1])]),
        ("pattern read p/%c/a\npattern read p/+/#", &[(0, Redundant, &[1])], &[(0, Redundant, &[1])]),
        ("pattern read %c/a\npattern read #", &[], &[(0, Redundant, &[1])]),
        ("pattern read p/%u/a\npattern read p/%u/#", &[(0, Redundant, &[1])], &[(0, Redundant, &[1])]),
        ("pattern read p/x%u\npattern read p/xa", &[], &[]),
    ];
    for (text, old, new) in cases {
        for (release, expected) in [(Release::new(2, 0, 21), old), (Release::new(2, 1, 2), new)] {
            let found = dead_rules(&acl(text), release);
            let found: Vec<_> =
                found.entries.iter().map(|line| (line.rule, line.kind, line.causes.clone())).collect();
            let expected: Vec<_> =
                expected.iter().map(|(rule, kind, causes)| (*rule, *kind, causes.to_vec())).collect();
            assert_eq!(found, expected, "{release}:\n{text}");
        }
    }
}

#[test]
fn a_file_made_to_be_hard_ends() {
    let filter = |at: u32| (0..15).map(|bit| if at >> bit & 1 == 1 { "+" } else { "a" }).collect::<Vec<_>>();
    let text: String = (0..20_000).map(|at| format!("topic read {}\n", filter(at).join("/"))).collect();
    let found = dead_rules(&acl(&text), Release::newest());
    assert!(!found.complete && found.entries.iter().all(|line| line.kind == DeadKind::Redundant));
}
