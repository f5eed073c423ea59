//! What is measured, and how it is shown: in lines of 80 columns.

use std::fmt::Write as _;
use std::time::Duration;

/// What a load came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    /// Of how many messages, deliveries or connections it was.
    pub(crate) count: usize,
    /// How long it took.
    pub(crate) time: Duration,
    /// For how long the broker computed, kernel included.
    pub(crate) computed: Duration,
    /// What the broker held in memory at the end, in bytes.
    pub(crate) resident: usize,
    /// By how much that had grown.
    pub(crate) grown: usize,
}

impl Measure {
    /// The one that took less.
    pub(crate) fn better(old: Option<Self>, new: Self) -> Option<Self> {
        Some(old.filter(|old| old.time <= new.time).unwrap_or(new))
    }

    fn rate(&self) -> f64 {
        self.count as f64 / self.time.as_secs_f64()
    }

    /// Microseconds of computing for each.
    fn cost(&self) -> f64 {
        self.computed.as_secs_f64() * 1e6 / self.count as f64
    }

    fn mebibytes(&self) -> f64 {
        self.resident as f64 / f64::from(1 << 20)
    }

    /// Bytes for each.
    pub(crate) fn share(&self) -> f64 {
        self.grown as f64 / self.count as f64
    }
}

/// A load on moskit and on another broker.
pub(crate) type Row = (&'static str, [Option<Measure>; 2]);

/// Both brokers side by side; ratios above 1 are in favour of moskit.
pub(crate) fn table(rows: &[Row], other: &str) -> String {
    let mut text = format!("{:21}{:>25}{:>20}{:>14}\n", "", "per second", "µs CPU for each", "MiB at end");
    let name = |width: usize| format!("{:>width$}{:>width$}", "moskit", other);
    writeln!(text, "{:21}{}{:>7}{}{:>6}{}", "", name(9), "ratio", name(7), "ratio", name(7)).unwrap();
    for (name, [ours, theirs]) in rows {
        let Some(ours) = ours else { continue };
        let cell = |value: Option<f64>, width: usize, places: usize| match value {
            // Seven columns, one of which parts it from the last.
            Some(value) if value >= 1000.0 => format!("{value:width$.0}"),
            Some(value) => format!("{value:width$.places$}"),
            None => format!("{:>width$}", "-"),
        };
        let theirs = theirs.as_ref();
        let line = [
            format!("{name:21}"),
            cell(Some(ours.rate()), 9, 0),
            cell(theirs.map(Measure::rate), 9, 0),
            cell(theirs.map(|theirs| ours.rate() / theirs.rate()), 7, 2),
            cell(Some(ours.cost()), 7, 2),
            cell(theirs.map(Measure::cost), 7, 2),
            cell(theirs.map(|theirs| theirs.cost() / ours.cost()), 6, 1),
            cell(Some(ours.mebibytes()), 7, 1),
            cell(theirs.map(Measure::mebibytes), 7, 1),
        ];
        text += line.concat().trim_end();
        text.push('\n');
    }
    text
}

/// The middle one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
