use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

const ENTRIES: [(StateKind, &str, &str); 6] = [
    (StateKind::Password, "alice", "passwords/alice"),
    (StateKind::Password, "../alice", "passwords/%2E.%2Falice"),
    (StateKind::Hash, "alice", "hashes/alice"),
    (StateKind::Authority, "ca", "authorities/ca.pem"),
    (StateKind::Certificate, "broker.pem", "certificates/broker.pem.pem"),
    (StateKind::Client, "", "clients/%.pem"),
];

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn read(state: &dyn StateStore, kind: StateKind, name: &str) -> Option<Vec<u8>> {
    state.read(kind, name).unwrap().map(|bytes| bytes.to_vec())
}

#[test]
fn entries_come_back_from_every_store() {
    let root = TempDir::new().unwrap();
    let disk = State::open(&root.path().join("deep/state")).unwrap();
    let memory = MemoryState::new();
    for state in [&disk as &dyn StateStore, &memory] {
        for (kind, name, _) in ENTRIES {
            assert_eq!(read(state, kind, name), None);
            for text in ["one", "two", ""] {
                state.write(kind, name, format!("{text} {name}").as_bytes()).unwrap();
            }
        }
        for (kind, name, path) in ENTRIES {
            assert_eq!(read(state, kind, name), Some(format!(" {name}").into_bytes()), "{path}");
        }
    }
}

#[test]
fn a_memory_in_front_of_the_disk_writes_nothing_there() {
    let root = TempDir::new().unwrap();
    let disk = State::open(&root.path().join("state")).unwrap();
    let dry = MemoryState::over(&disk);
    dry.write(StateKind::Password, "a", b"dry").unwrap();
    assert!(!disk.path().exists());
    disk.write(StateKind::Password, "a", b"a").unwrap();
    disk.write(StateKind::Password, "b", b"b").unwrap();
    assert_eq!(read(&dry, StateKind::Password, "a"), Some(b"dry".to_vec()));
    assert_eq!(read(&dry, StateKind::Password, "b"), Some(b"b".to_vec()));
    assert_eq!(read(&disk, StateKind::Password, "a"), Some(b"a".to_vec()));
}

#[test]
fn the_folder_is_made_when_first_written_and_private() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("state");
    let state = State::open(&path).unwrap();
    assert_eq!(read(&state, StateKind::Hash, "a"), None);
    assert!(!path.exists());
    for (kind, name, file) in ENTRIES {
        // What a stopped run left is overwritten.
        let aside = path.join(file).with_file_name(format!(".new-{}", kind.file_name(name)));
        if aside.parent().unwrap().exists() {
            fs::write(&aside, "half").unwrap();
        }
        state.write(kind, name, b"x").unwrap();
        assert_eq!((mode(&path.join(file)), aside.exists()), (0o600, false));
        assert_eq!(mode(path.join(file).parent().unwrap()), 0o700);
    }
    assert_eq!((mode(&path), fs::read(path.join(".gitignore")).unwrap()), (0o700, b"*\n".to_vec()));
    fs::write(path.join(".gitignore"), "mine").unwrap();
    drop(state);
    State::open(&path).unwrap().write(StateKind::Hash, "a", b"y").unwrap();
    assert_eq!(fs::read(path.join(".gitignore")).unwrap(), b"mine");
}

#[test]
fn unfit_folders_are_refused() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("state");
    fs::write(&path, "").unwrap();
    assert!(matches!(State::open(&path), Err(StateError::NotAFolder { .. })));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    for (mode, message) in [
        (0o755, Some("chmod 700")),
        (0o710, Some("mode 0710")),
        (0o701, Some("chmod 700")),
        (0o700, None),
        (0o500, None),
    ] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = State::open(&path).err().map(|error| error.to_string());
        assert_eq!(error.is_some(), message.is_some(), "{error:?}");
        assert!(error.unwrap_or_default().contains(message.unwrap_or_default()), "{mode:o}");
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(4711), None).unwrap();
        let error = State::open(&path).unwrap_err().to_string();
        assert!(error.contains("belongs to user 4711"), "{error}");
    }
}

#[test]
fn odd_entries_are_refused() {
    let root = TempDir::new().unwrap();
    let state = State::open(&root.path().join("state")).unwrap();
    state.write(StateKind::Hash, "a", b"x").unwrap();
    let folder = state.path().join("hashes");
    fs::create_dir(folder.join("folder")).unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    File::create(folder.join("large")).unwrap().set_len(MAX_STATE_BYTES + 1).unwrap();
    File::create(folder.join("full")).unwrap().set_len(MAX_STATE_BYTES).unwrap();
    let fifo = (folder.join("pipe"), rustix::fs::FileType::Fifo);
    rustix::fs::mknodat(rustix::fs::CWD, fifo.0, fifo.1, rustix::fs::Mode::RUSR, 0).unwrap();
    let cases = [
        ("folder", "is not a regular file"),
        ("pipe", "is not a regular file"),
        ("loop", "could not read"),
        ("large", "is larger than"),
    ];
    for (name, message) in cases {
        let error = state.read(StateKind::Hash, name).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains(&format!("hashes/{name}`")), "{error}");
    }
    assert_eq!(read(&state, StateKind::Hash, "full").unwrap().len() as u64, MAX_STATE_BYTES);
    let large = vec![0; MAX_STATE_BYTES as usize + 1];
    assert!(matches!(state.write(StateKind::Hash, "b", &large), Err(StateError::TooLarge { .. })));
    // A failed write leaves the old entry and nothing beside it.
    fs::create_dir(folder.join("folder/x")).unwrap();
    assert!(matches!(state.write(StateKind::Hash, "folder", b"x"), Err(StateError::Io { .. })));
    assert!(!folder.join(".new-folder").exists());
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("state");
    let (first, second) = (State::open(&path).unwrap(), State::open(&path).unwrap());
    first.write(StateKind::Hash, "a", b"first").unwrap();
    let refused = second.write(StateKind::Hash, "a", b"second");
    assert!(matches!(refused, Err(StateError::Busy { .. })), "{refused:?}");
    assert!(matches!(State::open(&path), Err(StateError::Busy { .. })));
    drop(first);
    assert_eq!(read(&State::open(&path).unwrap(), StateKind::Hash, "a"), Some(b"first".to_vec()));
}
