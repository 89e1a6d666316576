//! The child process: started, watched, measured and ended, always by its id.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::support::{
    eventually_some,
    trace::{PrintOnPanic, Trace},
};

/// A child process that listens. It is killed when it is dropped.
pub(super) struct Process {
    child: Child,
    pub(super) main: SocketAddr,
    pub(super) metrics: SocketAddr,
    pub(super) trace: PrintOnPanic,
}

impl Process {
    /// Starts the command and waits until it says where it listens.
    #[track_caller]
    pub(super) fn spawn(mut command: Command) -> Self {
        let trace = PrintOnPanic(Trace::default());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.stdin(Stdio::null()).spawn();
        let mut child = child.expect("the program starts");
        trace.0.follow(child.stdout.take().unwrap());
        trace.0.follow(child.stderr.take().unwrap());
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        // Owned from here on, so that a panic below ends it.
        let mut process = Self {
            child,
            main: nowhere,
            metrics: nowhere,
            trace,
        };
        process.main = process.listening("main");
        process.metrics = process.listening("metrics");
        process
    }

    /// The address in the log line of the listener.
    #[track_caller]
    fn listening(&mut self, listener: &str) -> SocketAddr {
        eventually_some(&format!("the {listener} listener is ready"), || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the program ended: {}", ended.unwrap());
            let events = self.trace.0.events("listening");
            let event = events.iter().find(|event| event["listener"] == listener)?;
            event["address"].as_str()?.parse().ok()
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn signal(&self, signal: Signal) {
        // The child is not waited for yet, so its id is still its own; it may have ended, though.
        kill_process(Pid::from_child(&self.child), signal).unwrap_or_default();
    }

    /// Bounds the size of the files that it writes.
    pub(super) fn limit_file_size(&self, bytes: u64) {
        let limit = Rlimit {
            current: Some(bytes),
            maximum: Some(bytes),
        };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit).unwrap();
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(super) fn wait(&mut self) -> ExitStatus {
        eventually_some("the program ends", || self.child.try_wait().unwrap())
    }

    /// Kills it if it still runs.
    pub(super) fn end(&mut self) {
        // `Child::kill` knows whether it was waited for.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }

    /// A figure of `/proc/PID/status` that is in KiB.
    pub(super) fn status_kib(&self, name: &str) -> u64 {
        let status = self.proc_file("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let figure = line.and_then(|line| line.split_whitespace().next());
        figure.expect("the kernel knows it").parse().unwrap()
    }

    /// User and system time of all its threads, ended ones too.
    pub(super) fn cpu_time(&self) -> Duration {
        let stat = self.proc_file("stat");
        // The name in parentheses may hold anything; what follows it is numbers from field 3 on.
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_nanos(ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second())
    }

    fn proc_file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("the program runs")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that says where it listens and then does this.
    fn listening_then(script: &str) -> Process {
        let line = |listener, port| {
            let address = format!("127.0.0.1:{port}");
            serde_json::json!({"msg": "listening", "listener": listener, "address": address})
        };
        let (main, metrics) = (line("main", 1), line("metrics", 2));
        Process::spawn(shell(&format!(
            "echo '{main}'; echo no JSON; echo '{metrics}'; {script}"
        )))
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_is_found_where_its_log_says_and_ends_with_its_owner() {
        let process = listening_then("exec sleep 60");
        assert_eq!((process.main.port(), process.metrics.port()), (1, 2));
        assert!(process.status_kib("VmRSS:") > 0);
        assert!(process.cpu_time() < Duration::from_secs(10));
        let proc_directory = format!("/proc/{}", process.child.id());
        drop(process);
        assert!(!fs::exists(proc_directory).unwrap());
    }

    #[test]
    #[should_panic(expected = "the program ended: exit status: 3")]
    fn a_program_that_ends_before_it_listens_is_reported() {
        Process::spawn(shell("exit 3"));
    }

    #[test]
    fn a_terminated_program_is_waited_for() {
        let mut process =
            listening_then("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done");
        eventually_some("it is ready", || {
            process
                .trace
                .0
                .lines()
                .iter()
                .find(|line| *line == "ready")
                .cloned()
        });
        process.signal(Signal::TERM);
        assert_eq!(process.wait().code(), Some(7));
    }
}
