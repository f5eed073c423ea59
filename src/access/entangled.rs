//! Which filters of a section have to do with each other at all: in a file that people wrote, few.

/// What is compared at once: the first bytes of a filter, as a number.
type Head = u64;

/// The filters among these that may have a topic in common with another one, as places in the list, in its order.
///
/// Of each it is told whether it has wildcards. It takes a sort. All that do have one are found; some that do not may be among them.
pub(super) fn entangled(filters: &[(&[u8], bool)]) -> Vec<usize> {
    let mut sorted: Vec<(Head, u32)> =
        filters.iter().enumerate().map(|(place, filter)| (head(filter.0), place as u32)).collect();
    sorted.sort_unstable_by(|one, other| {
        let texts = || filters[one.1 as usize].0.cmp(filters[other.1 as usize].0);
        one.0.cmp(&other.0).then_with(texts)
    });
    let filter = |at: usize| filters[sorted[at].1 as usize].0;
    // A filter has topics in common only with those that begin with its text before the first wildcard, and with
    // those whose own such text it begins with. In the order of their texts the former stand side by side.
    let fixed: Vec<usize> = sorted.iter().map(|(_, place)| fixed_length(filters[*place as usize])).collect();
    let shared = |at: usize| {
        let differing = (sorted[at - 1].0 ^ sorted[at].0).leading_zeros() as usize / 8;
        if differing < size_of::<Head>() { differing } else { common(filter(at - 1), filter(at)) }
    };
    let shared: Vec<usize> = (0..sorted.len()).map(|at| if at == 0 { 0 } else { shared(at) }).collect();
    let mut is_met = vec![false; sorted.len()];
    // The shortest text of the wildcards on one side that still holds.
    let mut open: Option<usize> = None;
    for at in 0..sorted.len() {
        open = open.filter(|fixed| at > 0 && *fixed <= shared[at]);
        is_met[at] = open.is_some() || at > 0 && fixed[at] <= shared[at];
        open = Some(open.map_or(fixed[at], |open| open.min(fixed[at])));
    }
    open = None;
    for at in (0..sorted.len()).rev() {
        let next = shared.get(at + 1).copied();
        open = open.filter(|fixed| next.is_some_and(|shared| *fixed <= shared));
        is_met[at] |= open.is_some() || next.is_some_and(|shared| fixed[at] <= shared);
        open = Some(open.map_or(fixed[at], |open| open.min(fixed[at])));
    }
    let mut met: Vec<usize> = sorted
        .iter()
        .zip(is_met)
        .filter(|(_, is_met)| *is_met)
        .map(|((_, place), _)| *place as usize)
        .collect();
    met.sort_unstable();
    if met.len() <= MOST_PAIRED {
        let with_another =
            |one: &usize| met.iter().any(|other| one != other && agree(filters[*one].0, filters[*other].0));
        met = met.iter().copied().filter(with_another).collect();
    }
    met
}

/// Up to how many filters each is compared with each other.
const MOST_PAIRED: usize = 32;

/// The first bytes, so that numbers are in the order of the texts where they differ.
fn head(filter: &[u8]) -> Head {
    if let Some(first) = filter.first_chunk() {
        return Head::from_be_bytes(*first);
    }
    let mut first = [0; 8];
    first[..filter.len()].copy_from_slice(filter);
    Head::from_be_bytes(first)
}

/// How many bytes stand in every topic of a filter; without the separator in front of a `#`, as that matches none, too.
/// A filter without wildcards has its end behind them: only its equal has as many in common with it.
fn fixed_length((filter, is_wild): (&[u8], bool)) -> usize {
    match is_wild.then(|| memchr::memchr2(b'+', b'#', filter)).flatten() {
        Some(at) if filter[at] == b'#' => at.saturating_sub(1),
        Some(at) => at,
        None => filter.len() + 1,
    }
}

/// How many bytes two filters have in common from their beginning, the end of both included.
fn common(one: &[u8], other: &[u8]) -> usize {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    same + usize::from(same == one.len() && same == other.len())
}

/// Whether filters agree in each level as far as both have one.
fn agree(one: &[u8], other: &[u8]) -> bool {
    let (mut ones, mut others) = (one.split(|byte| *byte == b'/'), other.split(|byte| *byte == b'/'));
    loop {
        match (ones.next(), others.next()) {
            (Some(b"#"), _) | (_, Some(b"#")) | (None, None) => return true,
            (Some(b"+"), Some(_)) | (Some(_), Some(b"+")) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::meet;
    use super::*;

    fn with_wildcards<'f>(filters: &[&'f [u8]]) -> Vec<(&'f [u8], bool)> {
        filters.iter().map(|filter| (*filter, filter.iter().any(|byte| b"+#".contains(byte)))).collect()
    }

    #[test]
    fn all_that_meet_are_found() {
        let levels = prop::collection::vec(
            select(vec!["a", "b", "ab", "", "$x", "+", "abcdefghi", "abcdefghj"]),
            1..=4,
        );
        let filter = (levels, any::<bool>()).prop_map(|(mut levels, rest)| {
            if rest {
                levels.push("#");
            }
            let filter = levels.join("/");
            if filter.is_empty() { "+".to_owned() } else { filter }
        });
        let lists = prop_oneof![
            prop::collection::vec(filter.clone(), 0..12),
            // More than are compared in pairs.
            prop::collection::vec(filter, 40..80)
        ];
        let config = ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() };
        let outcome = proptest::test_runner::TestRunner::new(config).run(&lists, |list| {
            let filters: Vec<&[u8]> = list.iter().map(String::as_bytes).collect();
            let found = entangled(&with_wildcards(&filters));
            prop_assert!(found.is_sorted());
            for (place, one) in filters.iter().enumerate() {
                let others = filters.iter().enumerate().filter(|(other, _)| *other != place);
                if others.into_iter().any(|(_, other)| one == other || meet(one, other).is_some()) {
                    prop_assert!(found.contains(&place), "{} of {:?}", list[place], list);
                }
            }
            Ok(())
        });
        assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    }

    #[test]
    fn what_has_nothing_in_common_is_left_out() {
        let filters: [&[u8]; 5] = [b"a/b/+/x", b"a/c/x", b"b/#", b"a/d", b"a/b/c/y"];
        assert!(entangled(&with_wildcards(&filters)).is_empty());
        let many: Vec<String> = (0..1000).map(|n| format!("a/{n:04}/+")).collect();
        let many: Vec<&[u8]> = many.iter().map(String::as_bytes).collect();
        assert!(entangled(&with_wildcards(&many)).is_empty());
    }
}
