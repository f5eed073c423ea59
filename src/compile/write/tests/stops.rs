//! Runs that are stopped, fail, or meet another run.

use super::*;

/// Runs the writer once for each of its calls, with an error at that call, or, as if it were killed, from
/// that call on. `check` gets the state after that.
fn interrupt_everywhere(
    is_kill: bool,
    check: impl Fn(&str, Start, &Path, Call, &Result<Written, WriteError>, &Tree),
) {
    let new = tree_of(NEW);
    let mut stops = 0;
    for can_exchange in [true, false] {
        for start in STARTS {
            for stop in 0.. {
                let (_root, dir) = prepare(start);
                let before = tree(&dir);
                let (count, stopped_at) = (Cell::new(0), Cell::new(None));
                let result = write_hooked(&dir, NEW, &|call| {
                    let now = count.replace(count.get() + 1);
                    if now == stop || (is_kill && now > stop) {
                        stopped_at.set(stopped_at.get().or(Some(call)));
                        return Err(Errno::IO);
                    }
                    refuse_exchange(can_exchange, call)
                });
                let Some(call) = stopped_at.get() else {
                    assert!(result.is_ok() && stop > 30, "{result:?} after {stop}");
                    break;
                };
                stops += 1;
                let case = format!("exchange: {can_exchange}, {start:?}, stopped at {stop}, {call:?}");
                check(&case, start, &dir, call, &result, &before);
                write(&dir, NEW).unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!(tree(&dir), new, "{case}");
                assert_eq!(siblings(&dir), [""; 0], "{case}");
            }
        }
    }
    assert!(stops > 300, "{stops}");
}

#[test]
fn killed_anywhere_the_folder_is_the_old_pack_or_the_new_one() {
    let new = tree_of(NEW);
    interrupt_everywhere(true, |case, start, dir, _, _, before| {
        let after = tree(dir);
        let is_aside = after.is_empty()
            && case.starts_with("exchange: false")
            && tree(&dir.with_file_name(".out.moskit-old")) == *before;
        assert!(after == *before || after == new || is_aside, "{case}: {after:?}");
        if is_aside && !before.is_empty() {
            // The next run first puts the old pack back, whatever becomes of the rest of it.
            let failed = write_hooked(dir, NEW, &|call| match call {
                Call::MakeFolder => Err(Errno::NOSPC),
                _ => Ok(()),
            });
            assert!(failed.is_err() && tree(dir) == *before, "{case}, {start:?}");
        }
    });
}

#[test]
fn a_failing_call_leaves_the_old_pack_or_the_new_one_and_nothing_else() {
    let new = tree_of(NEW);
    interrupt_everywhere(false, |case, start, dir, call, result, before| {
        let after = tree(dir);
        match result {
            Ok(_) => assert_eq!(after, new, "{case}"),
            Err(WriteError::Io { call: Call::Sync, .. }) => {
                assert!(after == new || after == *before, "{case}")
            }
            Err(_) => assert_eq!(after, *before, "{case}"),
        }
        let may_stay = call == Call::Remove || after == new;
        assert!(may_stay || siblings(dir).is_empty(), "{case}: {:?}", siblings(dir));
        if matches!(start, Start::NoParent) && result.is_err() && after.is_empty() {
            assert!(!dir.parent().unwrap().parent().unwrap().exists(), "{case}");
        }
    });
}

#[test]
fn a_second_run_at_the_same_time_is_told_so() {
    for start in STARTS {
        let (_root, dir) = prepare(start);
        let (busy, locks) = (Cell::new(0), Cell::new(0));
        write_hooked(&dir, NEW, &|call| {
            if call == Call::Lock && locks.replace(locks.get() + 1) == 0 {
                // A whole run between opening the lock file and locking it: that file is gone then.
                write(&dir, &[("other", "first")]).unwrap();
            }
            if matches!(call, Call::Sync | Call::Exchange | Call::RenameNew) {
                let error = write(&dir, &[("other", "")]).unwrap_err();
                assert!(matches!(error, WriteError::Busy { .. }), "{error}");
                busy.set(busy.get() + 1);
            }
            Ok(())
        })
        .unwrap();
        assert!(busy.get() > 5 && locks.get() == 2);
        assert_eq!((tree(&dir), siblings(&dir)), (tree_of(NEW), vec![]));
    }
}

#[test]
fn many_runs_at_the_same_time_never_mix() {
    let (_root, dir) = prepare(Start::NoParent);
    let contents: Vec<String> = (0..6).map(|n| format!("pack {n}")).collect();
    let packs: Vec<Vec<(&str, &str)>> =
        contents.iter().map(|text| vec![("a", text.as_str()), ("b/c", text), ("d", text)]).collect();
    let done = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for files in &packs {
            let (dir, done) = (&dir, &done);
            scope.spawn(move || {
                for _ in 0..20 {
                    match write(dir, files) {
                        Ok(written) => {
                            assert_eq!(written.left_over, None);
                            done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                        Err(WriteError::Busy { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert!(done.into_inner() > 0);
    assert!(packs.iter().any(|files| tree_of(files) == tree(&dir)), "{:?}", tree(&dir));
    assert_eq!(siblings(&dir), [""; 0]);
}

#[test]
fn what_appears_while_the_pack_is_written_is_kept() {
    for can_exchange in [true, false] {
        let (_root, dir) = prepare(Start::Old);
        let written = write_hooked(&dir, NEW, &|call| {
            if call == Call::Exchange {
                fs::write(dir.join("notes"), "mine").unwrap();
            }
            refuse_exchange(can_exchange, call)
        })
        .unwrap();
        let left = written.left_over.unwrap();
        assert_eq!(fs::read(left.path.join("notes")).unwrap(), b"mine");
        assert_eq!(tree(&dir), tree_of(NEW));
        assert!(matches!(write(&dir, OLD), Err(WriteError::InTheWay { path }) if path == left.path));
    }
}
