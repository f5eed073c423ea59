//! A pack is written to real folders, with a hook before each call that changes the disk.

mod stops;

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use rustix::io::Errno;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::compile::pack::{PackPath, Secrecy};

/// What lies in a folder: by path, its mode and, for a file, its bytes. Nothing where there is no folder.
type Tree = BTreeMap<String, (u32, Option<Vec<u8>>)>;

const OLD: &[(&str, &str)] = &[
    ("mosquitto.conf", "listener 1883\n"),
    ("passwd", "a:$7$old\n"),
    ("certs/ca.pem", "same"),
    ("clients/a/key.pem", "key of a"),
];
const NEW: &[(&str, &str)] = &[
    ("mosquitto.conf", "listener 8883\n"),
    ("aclfile", "user a\n"),
    ("passwd", "a:$7$new\n"),
    ("certs/ca.pem", "same"),
    ("clients/b/c/key.pem", "key of b"),
];

fn pack(files: &[(&str, &str)]) -> Pack {
    let file = |&(path, contents): &(&str, &str)| PackFile {
        path: PackPath::new(path).unwrap(),
        contents: Zeroizing::new(contents.into()),
        secrecy: if path.ends_with("key.pem") || path == "passwd" {
            Secrecy::Private
        } else {
            Secrecy::Public
        },
        owner: "mosquitto".into(),
        install_path: None,
    };
    Pack::new(files.iter().map(file).collect()).unwrap()
}

fn about() -> About {
    About { spec: "plant".into(), targets: vec!["2.1.2".into()], install_prefix: None }
}

fn write(dir: &Path, files: &[(&str, &str)]) -> Result<Written, WriteError> {
    write_pack(dir, &pack(files), &about(), &WriteOptions::default())
}

fn write_hooked(
    dir: &Path,
    files: &[(&str, &str)],
    before: &dyn Fn(Call) -> Result<(), Errno>,
) -> Result<Written, WriteError> {
    let (pack, options) = (pack(files), WriteOptions::default());
    write_with(dir, &Wanted::new(&pack, &about(), &options), &Calls { before })
}

fn tree(dir: &Path) -> Tree {
    fn walk(dir: &Path, prefix: &str, tree: &mut Tree) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let metadata = fs::symlink_metadata(entry.path()).unwrap();
            let mode = metadata.mode() & 0o7777;
            if metadata.is_dir() {
                tree.insert(format!("{path}/"), (mode, None));
                walk(&entry.path(), &format!("{path}/"), tree);
            } else {
                tree.insert(path, (mode, fs::read(entry.path()).ok()));
            }
        }
    }
    let mut all = Tree::new();
    if let Ok(metadata) = fs::metadata(dir) {
        all.insert("./".into(), (metadata.mode() & 0o7777, None));
        walk(dir, "", &mut all);
    }
    all
}

/// The tree of a pack that was written without any trouble.
fn tree_of(files: &[(&str, &str)]) -> Tree {
    let parent = TempDir::new().unwrap();
    write(&parent.path().join("out"), files).unwrap();
    tree(&parent.path().join("out"))
}

/// The names beside the output folder.
fn siblings(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir.parent().unwrap()) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "out");
    names.sort();
    names
}

/// What there is before a run.
#[derive(Clone, Copy, Debug)]
enum Start {
    NoParent,
    Nothing,
    Empty,
    Old,
}

const STARTS: [Start; 4] = [Start::NoParent, Start::Nothing, Start::Empty, Start::Old];

fn prepare(start: Start) -> (TempDir, PathBuf) {
    // Thousands of syncs are quick in memory.
    let root = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
    let parent = root.path().join("above/it");
    if !matches!(start, Start::NoParent) {
        fs::create_dir_all(&parent).unwrap();
    }
    let dir = parent.join("out");
    match start {
        Start::NoParent | Start::Nothing => {}
        Start::Empty => fs::create_dir(&dir).unwrap(),
        Start::Old => drop(write(&dir, OLD).unwrap()),
    }
    (root, dir)
}

/// A file system that can exchange folders, or one that cannot.
fn refuse_exchange(can_exchange: bool, call: Call) -> Result<(), Errno> {
    match call {
        Call::Exchange | Call::RenameNew if !can_exchange => Err(Errno::INVAL),
        _ => Ok(()),
    }
}

#[test]
fn the_same_pack_is_not_written_again() {
    let (_root, dir) = prepare(Start::Old);
    let touched = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let paths = [dir.clone(), dir.join("passwd"), dir.parent().unwrap().to_owned()];
    let before: Vec<_> = paths.iter().map(|path| touched(path)).collect();
    let written = write_hooked(&dir, OLD, &|call| panic!("{call:?}")).unwrap();
    assert_eq!(written, Written { unchanged: true, ..Written::default() });
    assert_eq!(paths.iter().map(|path| touched(path)).collect::<Vec<_>>(), before);

    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (path, mode) in [("passwd", 0o640), ("certs", 0o700), ("manifest.json", 0o600), (".", 0o2755)] {
        fs::set_permissions(dir.join(path), fs::Permissions::from_mode(mode)).unwrap();
        let written = write(&dir, OLD).unwrap();
        let shown = if dir.join(path).is_dir() { format!("{path}/") } else { path.to_owned() };
        assert_eq!(written.changed, strings(&[&shown]), "{path}");
        assert_eq!(tree(&dir), tree_of(OLD), "{path}");
    }
    let other = About { spec: "other".into(), ..about() };
    let written = write_pack(&dir, &pack(OLD), &other, &WriteOptions::default()).unwrap();
    assert_eq!(written.changed, strings(&["manifest.json"]));
}

#[test]
fn what_was_done_is_told() {
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let (_root, dir) = prepare(Start::Old);
    fs::write(dir.join("passwd"), "a:$7$edited\n").unwrap();
    fs::write(dir.join("certs/ca.pem"), "edited").unwrap();
    let expected = Written {
        added: strings(&["aclfile", "clients/b/c/key.pem"]),
        changed: strings(&["certs/ca.pem", "manifest.json", "mosquitto.conf", "passwd"]),
        removed: strings(&["clients/a/key.pem"]),
        hand_edited: strings(&["certs/ca.pem", "passwd"]),
        ..Written::default()
    };
    let before = tree(&dir);
    assert_eq!(compare_pack(&dir, &pack(NEW), &about(), &WriteOptions::default()).unwrap(), expected);
    assert_eq!(tree(&dir), before);
    assert_eq!(write(&dir, NEW).unwrap(), expected);
    assert_eq!(tree(&dir), tree_of(NEW));
    fs::remove_file(dir.join("aclfile")).unwrap();
    assert_eq!(write(&dir, NEW).unwrap().added, strings(&["aclfile"]));
    // An edit that the new pack has, too, is no change.
    fs::write(dir.join("passwd"), "a:$7$old\n").unwrap();
    let written = write(&dir, OLD).unwrap();
    assert_eq!((written.hand_edited.len(), written.changed.contains(&"passwd".to_owned())), (1, false));
}

#[test]
fn folders_that_hold_anything_else_are_refused_and_stay() {
    type Spoil = fn(&Path);
    let cases: [(Start, Spoil, &str); 12] = [
        (Start::Empty, |dir| fs::write(dir.join("notes"), "x").unwrap(), "no `manifest.json`): `notes`;"),
        (Start::Empty, |dir| fs::create_dir(dir.join("src")).unwrap(), "no `manifest.json`): `src/`;"),
        (
            Start::Empty,
            |dir| fs::write(dir.join("manifest.json"), "{}").unwrap(),
            "no `moskit_pack`): `manifest.json`",
        ),
        (Start::Empty, |dir| fs::create_dir(dir.join("manifest.json")).unwrap(), "`manifest.json/`"),
        (Start::Empty, |dir| symlink("/dev/null", dir.join("manifest.json")).unwrap(), "`manifest.json`;"),
        (Start::Old, |dir| fs::write(dir.join("a\nb"), "x").unwrap(), "does not list them), and"),
        (Start::Old, |dir| fs::write(dir.join("clients/a/x"), "x").unwrap(), ": `clients/a/x`;"),
        (Start::Old, |dir| fs::create_dir(dir.join("clients/z")).unwrap(), ": `clients/z/`;"),
        (
            Start::Old,
            |dir| {
                fs::rename(dir.join("passwd"), dir.join("../p")).unwrap();
                symlink("../p", dir.join("passwd")).unwrap();
            },
            ": `passwd`;",
        ),
        (
            Start::Old,
            |dir| {
                fs::rename(dir.join("certs"), dir.join("../c")).unwrap();
                symlink("../c", dir.join("certs")).unwrap();
            },
            ": `certs`;",
        ),
        (Start::Old, |dir| fs::write(dir.join("manifest.json"), "{").unwrap(), "damaged"),
        (
            Start::Old,
            |dir| {
                (0..250).for_each(|n| fs::write(dir.join(format!("n{n:03}")), "").unwrap());
            },
            "`n099` and 150 more; move",
        ),
    ];
    for (start, spoil, message) in cases {
        let (_root, dir) = prepare(start);
        spoil(&dir);
        let before = (tree(&dir), siblings(&dir));
        let compared = compare_pack(&dir, &pack(NEW), &about(), &WriteOptions::default());
        for result in [write_hooked(&dir, NEW, &|call| panic!("{call:?}")), compared] {
            let error = result.unwrap_err().to_string().replace(", and writing would remove them", "");
            assert!(error.contains(&message.replace(", and", "")), "{error}, not {message}");
        }
        assert_eq!((tree(&dir), siblings(&dir)), before, "{message}");
    }
}

#[test]
fn outputs_that_are_no_plain_folders() {
    let (root, dir) = prepare(Start::Old);
    let path = |name: &str| root.path().join(name);
    symlink(&dir, path("link")).unwrap();
    write(&path("link"), NEW).unwrap();
    assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
    assert_eq!(tree(&dir), tree_of(NEW));
    fs::write(path("file"), "x").unwrap();
    symlink(path("file"), path("to_file")).unwrap();
    symlink(path("nothing"), path("dangling")).unwrap();
    let cases = [
        (path("file"), "is not a folder"),
        (path("to_file"), "is not a folder"),
        (path("dangling"), "No such file"),
        (path("file/out"), "Not a directory"),
        (path("missing/.."), "name a folder below"),
        (PathBuf::from("/"), "name a folder below"),
    ];
    for (path, message) in cases {
        let error = write(&path, NEW).unwrap_err().to_string();
        assert!(error.contains(message), "{}: {error}", path.display());
    }
    assert_eq!(fs::read(path("file")).unwrap(), b"x");
}

#[test]
fn private_files_are_never_readable_by_others() {
    // Nothing is hidden by an empty mask. Other tests run meanwhile and bear both masks.
    let mask = rustix::process::umask(rustix::fs::Mode::empty());
    for start in STARTS {
        let (_root, dir) = prepare(start);
        let seen = Cell::new(0);
        write_hooked(&dir, NEW, &|_| {
            for (path, (mode, _)) in tree(dir.parent().unwrap()) {
                if path.ends_with("key.pem") || path.ends_with("passwd") {
                    assert_eq!(mode, 0o600, "{path}");
                    seen.set(seen.get() + 1);
                }
            }
            Ok(())
        })
        .unwrap();
        assert!(seen.get() > 10, "{start:?}");
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let (_root, dir) = prepare(Start::Old);
    rustix::process::umask(mask);
    let modes: Vec<_> = tree(&dir).into_iter().map(|(path, (mode, _))| (path, mode)).collect();
    let expected = [
        ("./", 0o755),
        ("certs/", 0o755),
        ("certs/ca.pem", 0o644),
        ("clients/", 0o755),
        ("clients/a/", 0o755),
        ("clients/a/key.pem", 0o600),
        ("manifest.json", 0o644),
        ("mosquitto.conf", 0o644),
        ("passwd", 0o600),
    ];
    assert_eq!(modes, expected.map(|(path, mode)| (path.to_owned(), mode)));
}

#[test]
fn files_are_given_to_their_owners() {
    let is_root = rustix::process::geteuid().is_root();
    let (_root, dir) = prepare(Start::Old);
    let own = fs::metadata(&dir).unwrap();
    let owner = if is_root { (4711, 4712) } else { (own.uid(), own.gid()) };
    let options = WriteOptions { owners: [("mosquitto".to_owned(), owner)].into() };
    let written = write_pack(&dir, &pack(OLD), &about(), &options).unwrap();
    assert_eq!(written.changed.len(), if is_root { 4 } else { 0 });
    let metadata = fs::metadata(dir.join("clients/a/key.pem")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (owner.0, owner.1, 0o600));
    assert_eq!(fs::metadata(dir.join("manifest.json")).unwrap().uid(), own.uid());
    assert!(write_pack(&dir, &pack(OLD), &about(), &options).unwrap().unchanged);
}

#[test]
fn siblings_that_no_run_made_are_not_touched() {
    for (name, is_folder) in [
        (".out.moskit-new", true),
        (".out.moskit-old", true),
        (".out.moskit-new", false),
        (".out.moskit-old", false),
        (".out.moskit-lock", false),
    ] {
        let (_root, dir) = prepare(Start::Old);
        let before = tree(&dir);
        let sibling = dir.with_file_name(name);
        let file = if is_folder { sibling.join("mine") } else { sibling.clone() };
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "mine").unwrap();
        let error = write(&dir, NEW).unwrap_err();
        assert!(matches!(&error, WriteError::InTheWay { path } if path.ends_with(name)), "{error}");
        assert_eq!((tree(&dir), fs::read(&file).unwrap()), (before, b"mine".to_vec()));
    }
}

#[test]
fn errors_name_the_call_the_path_and_the_reason() {
    let (_root, dir) = prepare(Start::Nothing);
    for (fail, message) in [
        (Call::Fill, "could not write `"),
        (Call::MakeFolder, "could not make the folder `"),
        (Call::RenameNew, "could not put the new pack at `"),
    ] {
        let error = write_hooked(&dir, NEW, &|call| {
            if call == fail { Err(Errno::NOSPC) } else { Ok(()) }
        })
        .unwrap_err()
        .to_string();
        assert!(
            error.starts_with(message) && error.contains("out") && error.contains("No space left"),
            "{error}"
        );
    }
}

#[test]
fn large_packs_are_synced_as_a_whole() {
    let names: Vec<String> = (0..60).map(|n| format!("clients/{n}/key.pem")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "key")).collect();
    let (_root, dir) = prepare(Start::Old);
    for (wanted, most) in [(&files[..], 5), (&files[..40], 85)] {
        let syncs = Cell::new(0);
        write_hooked(&dir, wanted, &|call| {
            syncs.set(syncs.get() + usize::from(call == Call::Sync));
            Ok(())
        })
        .unwrap();
        assert!((most - 3..=most).contains(&syncs.get()), "{}", syncs.get());
        assert_eq!(tree(&dir), tree_of(wanted));
    }
}

#[test]
fn folders_that_cannot_be_moved_are_named() {
    // Linux says the first of a mount point, the second of a folder in a lower layer of an overlay.
    for error in [Errno::BUSY, Errno::XDEV] {
        for (refused, can_exchange) in [(Call::Exchange, true), (Call::Rename, false)] {
            let (_root, dir) = prepare(Start::Old);
            let before = tree(&dir);
            let result = write_hooked(&dir, NEW, &|call| match call {
                _ if call == refused => Err(error),
                _ => refuse_exchange(can_exchange, call),
            });
            assert!(matches!(result, Err(WriteError::Immovable { .. })), "{result:?}");
            assert_eq!((tree(&dir), siblings(&dir)), (before, vec![]));
        }
    }
}
