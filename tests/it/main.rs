//! One binary for every integration test; one file per promise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its assumption fails"
)]

mod access;
mod backup;
mod cas;
mod catalog;
mod classes;
mod cli;
mod collapse;
mod config;
mod crash;
mod deploy;
mod egress;
mod errors;
mod evict;
mod explain;
mod fetch;
mod files;
mod forward;
mod framing;
mod fsck;
mod full_disk;
mod intercept;
mod invalidate;
mod jobs;
mod listeners;
mod logs;
mod manage;
mod mirror;
mod models;
mod operate;
mod parent;
mod privacy;
mod range;
mod recall;
mod resolve;
mod revalidate;
mod rfc9111;
mod s3_client;
mod s3_upstream;
mod sealed;
mod server;
mod setup;
mod stale;
mod support;
mod support_works;
mod telemetry;
mod tidy;
mod tls;
mod transfer;
mod tunnel;
mod ui;
mod upstream;
mod vary;
