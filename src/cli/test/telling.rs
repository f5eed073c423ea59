//! The report of a run: what can be is printed while results come.

use super::super::output;
use super::Format;
use super::load::Loaded;
use crate::report::render::printable;
use crate::verify::report::{self, Full, Tap};
use crate::verify::{Event, Outcome, Stop};

/// The report of a run.
pub(super) struct Telling<'a> {
    form: Form<'a>,
    loaded: &'a Loaded,
    /// Stops the run, where nobody listens any more.
    stop: &'a Stop,
    /// Whether somebody listens.
    pub(super) is_heard: bool,
    results: usize,
    done: usize,
}

enum Form<'a> {
    Full(Full<'a>),
    Tap(Tap<'a>),
    Json,
    Junit,
}

impl<'a> Telling<'a> {
    pub(super) fn new(format: Format, loaded: &'a Loaded, stop: &'a Stop) -> Self {
        let sources = &loaded.sources;
        let form = match format {
            Format::Full => Form::Full(Full::new(sources, output::style())),
            Format::Tap => Form::Tap(Tap::new(sources)),
            Format::Json => Form::Json,
            Format::Junit => Form::Junit,
        };
        Self { form, loaded, stop, is_heard: true, results: 0, done: 0 }
    }

    pub(super) fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Planned { releases, results } => {
                self.results = results;
                match &mut self.form {
                    Form::Full(full) => full.planned(releases.len()),
                    Form::Tap(tap) => {
                        let text = tap.planned(results);
                        self.print(&text);
                    }
                    Form::Json | Form::Junit => {}
                }
            }
            Event::Came(result) => {
                self.loaded.name_places(result);
                self.done += 1;
                let text = match &mut self.form {
                    Form::Full(full) => full.came(result),
                    Form::Tap(tap) => printable(&tap.came(result)),
                    Form::Json | Form::Junit => String::new(),
                };
                self.print(&text);
                output::progress(&format!("{}/{} {}", self.done, self.results, result.name));
            }
        }
    }

    /// Tells the rest once all results are there.
    pub(super) fn over(&mut self, outcome: &Outcome) {
        let sources = &self.loaded.sources;
        let text = match &mut self.form {
            Form::Full(full) => full.over(outcome),
            Form::Tap(_) => String::new(),
            Form::Json => output::json(&report::json(outcome, sources)),
            Form::Junit => printable(&report::junit(outcome, sources)),
        };
        output::progress("");
        self.print(&text);
    }

    /// Tells that the run ended before its time.
    pub(super) fn stopped(&mut self, reason: &str) {
        let text = match &mut self.form {
            Form::Full(full) => full.stopped(),
            Form::Tap(tap) if self.results > 0 => printable(&tap.stopped(reason)),
            Form::Tap(_) | Form::Json | Form::Junit => String::new(),
        };
        output::progress("");
        self.print(&text);
    }

    fn print(&mut self, text: &str) {
        if text.is_empty() || !self.is_heard {
            return;
        }
        output::progress("");
        self.is_heard = output::part(text);
        if !self.is_heard {
            self.stop.now();
        }
    }
}
