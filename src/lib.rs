//! A pull-through cache and archive for artifacts.

pub mod access;
pub mod api;
pub mod app;
pub mod artifact;
pub mod artifacts_store;
pub mod blob;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod error;
pub mod jobs;
pub mod mirror;
pub mod pace;
pub mod proxy;
pub mod rescue;
pub mod respond;
pub mod s3;
pub mod server;
pub mod setup;
pub mod stack;
pub mod store;
pub mod telemetry;
pub mod upstream;
pub mod webhook;
