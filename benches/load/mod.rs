//! Arguments, and the order of things: workload by workload, door by door, server beside server, turn by turn.

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use tokio::task::LocalSet;

mod exchange;
mod generator;
mod machine;
mod nginx;
mod objects;
mod origin;
mod page;
mod report;
mod run;
mod scenario;
mod server;
mod stores;
mod tls;

use origin::Origin;
use report::{Measured, Outcome};
use run::Turn;
use scenario::{Scenario, scenarios};
use server::{Door, Kind, Place, Server};
use stores::Store;

/// Measures the cache under load, and nginx beside it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Shorter, with smaller objects: to see that it works.
    #[arg(long)]
    quick: bool,
    /// Only workloads whose name contains this; may be repeated.
    #[arg(long)]
    scenario: Vec<String>,
    /// Only this way in.
    #[arg(long)]
    door: Option<Door>,
    /// Measure this peer as well, if it is installed.
    #[arg(long)]
    vs: Option<Kind>,
    /// Measure nothing but this one.
    #[arg(long, conflicts_with = "vs")]
    only: Option<Kind>,
    #[command(flatten)]
    files: page::Files,
    /// The program to measure.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_artifact-cache"))]
    cache_binary: PathBuf,
    /// A further flag of `artifact-cache serve`; may be repeated.
    #[arg(long, allow_hyphen_values = true)]
    cache_flag: Vec<String>,
    /// Give nginx `tcp_nopush on`: the better of both is its figure.
    #[arg(long)]
    nginx_nopush: bool,
    /// Turns of each server; medians of them are shown.
    #[arg(long, default_value_t = 3, default_value_if("quick", "true", "1"))]
    turns: usize,
    /// Seconds of a closed loop, and again of an open one.
    #[arg(long, default_value_t = 5, default_value_if("quick", "true", "1"))]
    seconds: u64,
    /// Where the servers keep their data while they run.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    data: PathBuf,
    #[command(flatten)]
    cargo: Cargo,
}

/// What cargo says, and where everything runs.
#[derive(Debug, clap::Args)]
struct Cargo {
    /// `cargo bench` says this.
    #[arg(long, hide = true)]
    bench: bool,
    /// One short hit and one short fill, to see that they work.
    #[arg(long, hide = true)]
    test: bool,
    /// Bind nothing to a core: for wall times of work that has several threads, such as a fill.
    #[arg(long)]
    unpinned: bool,
}

impl Arguments {
    fn or_test(mut self) -> Self {
        if self.cargo.test {
            (self.quick, self.turns, self.seconds) = (true, 1, 1);
            self.scenario = ["hit-16k", "cold-64k"].map(str::to_owned).to_vec();
        }
        self
    }
}

/// Runs what the arguments say.
pub(crate) fn main() -> ExitCode {
    // `cargo test --all-targets` runs benches without a word; only cargo bench and people say something.
    if std::env::args_os().len() == 1 {
        println!("run the load test with: cargo bench --bench load -- --help");
        return ExitCode::SUCCESS;
    }
    match measure(&Arguments::parse().or_test()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the load test failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> io::Result<()> {
    if arguments.cargo.unpinned {
        machine::unpinned();
    }
    machine::pin(machine::LOAD_CORE)?;
    artifact_cache::server::raise_descriptor_limit()?;
    let origin = Origin::start()?;
    let store = Store::start(&arguments.data)?;
    let place = Place {
        cache_binary: &arguments.cache_binary,
        cache_flags: &arguments.cache_flag,
        nginx_binary: nginx::find(),
        nginx_nopush: arguments.nginx_nopush,
        data: &arguments.data,
        origin: origin.address,
        store: store.address,
    };
    print_setting(arguments, &place);
    let kinds = kinds(arguments, &place);
    if kinds.is_empty() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut outcomes = Vec::new();
    for scenario in chosen(arguments)? {
        for door in doors(arguments, scenario) {
            // nginx tunnels for nobody, takes no uploads and signs nothing.
            let is_any = door != Door::Tunnel && !scenario.work.is_of_ours();
            let can = |kind: &Kind| is_any || *kind == Kind::Ours;
            let kinds: Vec<_> = kinds.iter().copied().filter(can).collect();
            let side_by_side =
                compare(scenario, door, &kinds, (arguments, &place, &origin, &store));
            let outcome = LocalSet::new().block_on(&runtime, side_by_side)?;
            println!("{}", outcome.table());
            outcomes.push(outcome.json());
        }
    }
    arguments.files.write(&outcomes)
}

/// Runs the servers turn by turn, so that what changes on the machine changes for all of them.
async fn compare(
    scenario: Scenario,
    door: Door,
    kinds: &[Kind],
    (arguments, place, origin, store): (&Arguments, &Place<'_>, &Origin, &Store),
) -> io::Result<Outcome> {
    let servers: io::Result<Vec<_>> = kinds
        .iter()
        .map(|kind| Server::start(*kind, place))
        .collect();
    let servers = servers?;
    let turn = |server, number, arrivals| Turn {
        origin,
        store,
        server,
        door,
        number,
        duration: Duration::from_secs(arguments.seconds),
        arrivals,
    };
    let mut measured: Vec<_> = kinds.iter().map(|kind| Measured::none_of(*kind)).collect();
    for server in &servers {
        turn(server, 0, None).prepare(scenario.work).await?;
    }
    // Turn 0 warms up and finds the rate of arrivals; it does not count.
    let mut arrivals: Option<f64> = None;
    for number in 0..=arguments.turns {
        for (server, measured) in servers.iter().zip(&mut measured) {
            let figures = turn(server, number, arrivals).run(scenario.work).await?;
            measured.turns.push(figures);
        }
        if number == 0 {
            arrivals = half_of_the_slowest(&measured);
            for measured in &mut measured {
                measured.turns.clear();
            }
        }
    }
    Ok(Outcome {
        scenario: scenario.name,
        door,
        measured,
    })
}

fn half_of_the_slowest(measured: &[Measured]) -> Option<f64> {
    let rates = measured
        .iter()
        .filter_map(|measured| measured.median("requests"));
    rates.min_by(f64::total_cmp).map(|rate| rate / 2.0)
}

fn kinds(arguments: &Arguments, place: &Place<'_>) -> Vec<Kind> {
    let mut kinds = match arguments.only {
        Some(only) => vec![only],
        None => vec![Kind::Ours],
    };
    if arguments.only == Some(Kind::Nginx) && place.nginx_binary.is_none() {
        println!("nginx is not installed: nothing is measured");
        return Vec::new();
    }
    match (arguments.vs, &place.nginx_binary) {
        (Some(Kind::Nginx), Some(_)) => kinds.push(Kind::Nginx),
        (Some(Kind::Nginx), None) => println!("nginx is not installed: only the cache is measured"),
        _ => {}
    }
    kinds
}

fn chosen(arguments: &Arguments) -> io::Result<Vec<Scenario>> {
    let mut chosen = scenarios(arguments.quick);
    let wanted = &arguments.scenario;
    chosen.retain(|scenario| {
        wanted.is_empty() || wanted.iter().any(|part| scenario.name.contains(part))
    });
    if chosen.is_empty() {
        let names: Vec<_> = scenarios(false)
            .iter()
            .map(|scenario| scenario.name)
            .collect();
        return Err(io::Error::other(format!(
            "the workloads are {}",
            names.join(", ")
        )));
    }
    Ok(chosen)
}

fn doors(arguments: &Arguments, scenario: Scenario) -> Vec<Door> {
    match (scenario.door, arguments.door) {
        (Some(only), None) => vec![only],
        (Some(only), Some(wanted)) if only == wanted => vec![only],
        (Some(_), Some(_)) | (None, Some(Door::Tls | Door::Tunnel)) => Vec::new(),
        (None, wanted) => wanted.map_or(vec![Door::Fetch, Door::Proxy], |door| vec![door]),
    }
}

fn print_setting(arguments: &Arguments, place: &Place<'_>) {
    println!("{}", machine::description());
    if arguments.cargo.unpinned {
        println!("nothing is bound to a core");
    } else {
        let (server, load) = (machine::SERVER_CORE, machine::LOAD_CORE);
        println!("server alone on core {server}, origin and load on core {load}");
    }
    println!(
        "medians of {} turns of {} s",
        arguments.turns, arguments.seconds
    );
    println!("ours: {}", arguments.cache_binary.display());
    if let Some(nginx) = &place.nginx_binary {
        println!(
            "{} (one worker, sendfile, proxy_cache_lock, tcp_nopush: {})",
            nginx::version(nginx),
            place.nginx_nopush,
        );
    }
    println!();
}
