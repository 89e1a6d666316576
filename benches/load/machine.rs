//! What the machine says: cores, CPU time, memory, and the speed of SHA-256 alone.

use std::{
    fs, io,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use sha2::Digest as _;

/// The server under test has this core for itself.
pub(super) const SERVER_CORE: usize = 0;
/// Load generator and origin share this one.
pub(super) const LOAD_CORE: usize = 1;

/// Whether the kernel may put everything where it likes.
static IS_FREE: AtomicBool = AtomicBool::new(false);

/// Binds nothing from here on: how long something takes where all of its threads have cores.
pub(super) fn unpinned() {
    IS_FREE.store(true, Ordering::Relaxed);
}

/// Binds this thread, and what it starts from here on, to one core.
pub(super) fn pin(core: usize) -> io::Result<()> {
    if IS_FREE.load(Ordering::Relaxed) {
        return Ok(());
    }
    // SAFETY: a `cpu_set_t` is plain bits, for which zero is a valid value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `CPU_SET` checks `core` against the size of the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: 0 is the calling thread, and the size is that of the set the pointer leads to.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Does `work` bound to the server's core: processes that it starts stay there.
pub(super) fn on_server_core<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    pin(SERVER_CORE)?;
    let result = work();
    pin(LOAD_CORE)?;
    result
}

/// User and system time of a process, its ended threads included.
pub(super) fn cpu_time(pid: u32) -> io::Result<Duration> {
    times(&format!("/proc/{pid}/stat"), 11)
}

/// User and system time of the children that this process has waited for.
pub(super) fn cpu_time_of_children() -> io::Result<Duration> {
    times("/proc/self/stat", 13)
}

/// The sum of two fields of ticks.
fn times(stat: &str, skipped: usize) -> io::Result<Duration> {
    let stat = fs::read_to_string(stat)?;
    let ticks: Option<u64> = (|| {
        // What follows the name in parentheses is numbers, from field 3 on.
        let mut fields = stat[stat.rfind(')')? + 2..].split(' ').skip(skipped);
        let user: u64 = fields.next()?.parse().ok()?;
        Some(user + fields.next()?.parse::<u64>().ok()?)
    })();
    let ticks = ticks.ok_or(io::ErrorKind::InvalidData)?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_nanos(ticks * 1_000_000_000 / per_second))
}

/// Most resident memory of a process in bytes since [`forget_peak`].
pub(super) fn peak_resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.ok_or(io::ErrorKind::InvalidData)? << 10)
}

/// Starts the measurement of a process's peak memory again.
pub(super) fn forget_peak(pid: u32) -> io::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

/// The processes whose parent is `pid`.
pub(super) fn children(pid: u32) -> io::Result<Vec<u32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end while the list is read.
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        let parent = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.split(' ').nth(1));
        if parent.and_then(|parent| parent.parse().ok()) == Some(pid) {
            children.push(child);
        }
    }
    Ok(children)
}

/// How long SHA-256 alone takes for so many bytes on the server's core.
pub(super) fn sha256_alone(bytes: u64) -> io::Result<Duration> {
    on_server_core(|| {
        let piece = vec![0x5a; 1 << 20];
        let (start, mut hasher) = (Instant::now(), sha2::Sha256::new());
        for _ in 0..bytes >> 20 {
            hasher.update(&piece);
        }
        std::hint::black_box(hasher.finalize());
        Ok(start.elapsed())
    })
}

/// Processor and kernel, for the head of the report.
pub(super) fn description() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let model = model.unwrap_or("unknown processor");
    format!("{model}, Linux {}", kernel.trim())
}
