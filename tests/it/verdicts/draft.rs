//! Cases in the making: lines and files, and the chance that chooses among them.

use proptest::prelude::Rng;
use proptest::test_runner::TestRng;

use super::case::{Case, Entry, Item};

/// Chance, with the questions that are put to it.
pub(super) struct Dice(pub(super) TestRng);

impl Dice {
    /// A number below `count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.next_u32() as usize % count
    }

    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// A case in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    about: Vec<String>,
    pub(super) lines: Vec<Vec<u8>>,
    files: Vec<Entry>,
    /// Counts names of files, ports and bridges, so that none is there twice by accident.
    count: usize,
}

impl Draft {
    pub(super) fn new(about: impl Into<String>) -> Self {
        Self { about: vec![about.into()], count: 0, ..Self::default() }
    }

    pub(super) fn line(&mut self, line: impl AsRef<[u8]>) -> &mut Self {
        self.lines.push(line.as_ref().to_vec());
        self
    }

    /// Several lines, of a text.
    pub(super) fn all(&mut self, text: &str) -> &mut Self {
        self.lines.extend(text.lines().map(|line| line.as_bytes().to_vec()));
        self
    }

    /// A number that no other name of this case has.
    pub(super) fn fresh(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    /// A listener on a port of its own.
    pub(super) fn listener(&mut self) -> &mut Self {
        let port = 21_000 + self.fresh();
        self.line(format!("listener {port} 127.0.0.1"))
    }

    /// A bridge that could run.
    pub(super) fn bridge(&mut self) -> &mut Self {
        let number = self.fresh();
        self.all(&format!("connection bridge{number}\naddress 127.0.0.1:1\ntopic t{number}/# out 1"))
    }

    pub(super) fn file(&mut self, entry: Entry) -> &mut Self {
        self.files.push(entry);
        self
    }

    /// A file with a name that is not taken, and that name.
    pub(super) fn text(&mut self, stem: &str, text: impl Into<Vec<u8>>) -> String {
        let name = format!("{stem}{}", self.fresh());
        self.file(Entry::text(&name, text));
        name
    }

    /// A file with a name of its own.
    pub(super) fn text_at(&mut self, path: &str, text: impl Into<Vec<u8>>) -> &mut Self {
        self.file(Entry::text(path, text))
    }

    pub(super) fn pool(&mut self, name: &str) -> String {
        let path = format!("{}-{name}", self.fresh());
        self.file(Entry::new(&path, Item::Pool(name.to_owned())));
        path
    }

    /// The last file that was added.
    pub(super) fn last(&mut self) -> &mut Entry {
        self.files.last_mut().expect("a file was added")
    }

    /// Puts a line somewhere.
    pub(super) fn insert(&mut self, at: usize, line: impl AsRef<[u8]>) {
        self.lines.insert(at, line.as_ref().to_vec());
    }

    pub(super) fn done(self) -> Case {
        let mut text = self.lines.join(&b'\n');
        text.push(b'\n');
        self.done_with(text)
    }

    /// Ends with a text that is not the lines. Files that nothing speaks of are left out.
    pub(super) fn done_with(mut self, text: Vec<u8>) -> Case {
        let mut spoken = text.clone();
        for file in &self.files {
            match &file.item {
                Item::Text(text) => spoken.extend(text),
                Item::Link(target) => spoken.extend(target.as_bytes()),
                _ => {}
            }
            spoken.push(b'\n');
        }
        self.files.retain(|file| {
            let first = file.path.split('/').next().unwrap_or_default().as_bytes();
            file.path == "mosquitto.db" || spoken.windows(first.len()).any(|part| part == first)
        });
        self.files.insert(0, Entry::text("mosquitto.conf", text));
        Case { about: self.about, files: self.files }
    }
}
