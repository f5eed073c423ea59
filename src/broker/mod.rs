//! The built-in broker: it serves a [`Deployment`](crate::model::Deployment) as the release of that deployment
//! would.

mod connect;
mod connection;
mod core;
mod deliver;
mod dispatch;
mod flying;
mod log;
mod login;
mod message;
mod outbox;
mod plan;
mod publish;
pub mod refusal;
mod reload;
mod retained;
mod server;
mod service;
mod session;
mod statistics;
mod subscribe;
mod subscriptions;
mod sys;
mod time;
pub mod transport;
mod unhonoured;
pub mod wire;

pub use log::{Log, LogSink, LogTopics, LogType};
pub use server::{Bound, Prepared, Running, StartError};
pub use service::{Service, service, waivable};
pub use unhonoured::Unhonoured;
