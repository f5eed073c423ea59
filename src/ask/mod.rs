//! Questions about rights, asked of an ACL file, a configuration, a pack or a spec: for the client as the broker would
//! know it, on each listener, with what can be said of its login.
//!
//! What an ACL file means is decided in [`crate::access`] alone. Here is what stands around it: which file holds for
//! which listener, the mount point in front of a topic, the client id that the broker puts in place of another one,
//! plugins that nobody can look into, and files that cannot be seen from here.

mod answer;
mod batch;
mod claim;
pub mod compare;
mod door;
pub mod effective;
mod json;
mod login;
mod question;
mod read;
mod realm;
mod remedy;
mod schema;
mod steps;
#[cfg(test)]
mod tests;
mod text;
pub mod who;
mod words;

pub use answer::{Answer, Open, Outcome, answers, common};
pub use batch::{Answered, BadLine, Batch};
pub use claim::Claim;
pub use door::{Door, NoListener, Rights, chosen};
pub use effective::{Effective, Whose, effective};
pub use json::{can as can_json, explain as explain_json};
pub use login::Entry;
pub use question::{Known, Question};
pub use read::{Inquiry, Reading, Refused, read};
pub use remedy::{Edit, Remedy, remedy};
pub use schema::schema;
pub use steps::{Fit, Part, Step, Walk, walk};
pub use text::{Answers, can as can_text, explain as explain_text};
