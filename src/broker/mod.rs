//! The built-in broker: it serves a [`Deployment`](crate::model::Deployment) as the release of that deployment
//! would.

pub mod refusal;
pub mod wire;
