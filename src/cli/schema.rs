//! `moskit schema`: the JSON Schema of the spec, for editors.

use super::{Answer, NOTHING, output};
use crate::lang::spec;

pub(super) fn run() -> Answer {
    output::report(&format!("{:#}\n", spec::schema()));
    Ok(NOTHING)
}
