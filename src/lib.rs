//! moskit: a configuration compiler and linter for Eclipse Mosquitto.
//!
//! The modules in reading order. Everything but [`cli`] neither prints nor exits, and reads neither the
//! environment nor the clock.

pub mod access;
pub mod ask;
pub mod boot;
pub mod broker;
pub mod catalogue;
pub mod cli;
pub mod compile;
pub mod credentials;
pub mod lang;
pub mod lint;
pub mod model;
pub mod report;
pub mod rules;
pub mod show;
pub mod testing;
pub mod text;
pub mod upgrade;
pub mod verify;
