//! `env`, `run` and `setup`: how clients are pointed to the cache, printed, run or written.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;

use super::{
    exit::Failure,
    local::trust::trust,
    output::{Output, complain},
    remote::Remote,
    settings::{Place, Settings},
};
use crate::setup::{Setup as Wiring, Shell, TOOLS, Tool, Writing, rendered};

const BEGIN: &str = "# >>> artifact-cache >>>\n";
const END: &str = "# <<< artifact-cache <<<\n";
/// In the first lines of files that are ours as a whole.
const MARK: &str = "written by artifact-cache setup";

/// Which cache clients are to use.
#[derive(Args, Debug)]
struct Target {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    place: Place,
}

/// Arguments of `env`.
#[derive(Args, Debug)]
pub(super) struct Env {
    /// bash, fish, powershell, github, gitlab or dockerfile
    #[arg(long, default_value = "bash", value_name = "SHELL")]
    shell: Shell,
    #[command(flatten)]
    target: Target,
}

/// Arguments of `run`.
#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    target: Target,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Arguments of `setup`.
#[derive(Args, Debug)]
pub(super) struct Setup {
    /// The tool; without one, the tools there are
    #[arg(value_name = "TOOL")]
    tool: Option<String>,
    /// Write the configuration to the tool's file
    #[arg(long)]
    write: bool,
    /// The file, when it is not the usual one
    #[arg(long, value_name = "FILE", requires = "write")]
    file: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

impl Target {
    fn wiring(&self, before: Settings) -> Result<Wiring, Failure> {
        let (base, token) = (self.remote.base()?, self.remote.secret()?);
        let host = base.host_str().unwrap_or_default().to_owned();
        let port = base.port_or_known_default().unwrap_or(80);
        let scheme = base.scheme();
        let user = token.map_or_else(String::new, |token| format!("token:{token}@"));
        Ok(Wiring {
            proxy: format!("{scheme}://{user}{host}:{port}"),
            host,
            port,
            trust: trust(before.overridden_by(self.place.clone().into())),
        })
    }
}

impl Env {
    pub(super) fn run(&self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let variables = self.target.wiring(before)?.variables();
        out.bytes(rendered(&variables, self.shell).as_bytes())
    }
}

impl Run {
    /// Becomes the command, so that signals and the exit code are its own.
    pub(super) fn run(&self, before: Settings) -> Result<(), Failure> {
        let variables = self.target.wiring(before)?.variables();
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| Failure::Usage("name a command after `--`".into()))?;
        let source = Command::new(program).args(arguments).envs(variables).exec();
        Err(Failure::File {
            action: "run",
            path: program.into(),
            source,
        })
    }
}

impl Setup {
    pub(super) fn run(&self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        let Some(name) = &self.tool else {
            return TOOLS.iter().try_for_each(|tool| out.line(tool.name));
        };
        let tool = Tool::named(name).ok_or_else(|| {
            let names: Vec<_> = TOOLS.iter().map(|tool| tool.name).collect();
            Failure::Usage(format!(
                "there is no tool '{name}'; there are {}",
                names.join(", ")
            ))
        })?;
        let text = tool.text(&self.target.wiring(before)?);
        if self.write {
            return self.write(tool, &text, out);
        }
        if tool.writing != Writing::Environment {
            complain(&format!("for {}:", tool.file));
        }
        out.bytes(text.as_bytes())
    }

    fn write(&self, tool: &Tool, text: &str, out: &mut Output) -> Result<(), Failure> {
        if tool.writing == Writing::Environment {
            return Err(Failure::Usage(format!(
                "{} is told by the environment only; use `artifact-cache env` or `artifact-cache run`",
                tool.name
            )));
        }
        let path = match &self.file {
            Some(path) => path.clone(),
            None => home()?.join(tool.file),
        };
        let old = match fs::read_to_string(&path) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failed("read", &path, source)),
        };
        let new = merged(tool, old.as_deref(), text).ok_or_else(|| {
            Failure::Usage(format!(
                "{} is somebody else's and is left alone; take over what `artifact-cache setup {}` prints",
                path.display(),
                tool.name
            ))
        })?;
        put(&path, &new)?;
        out.line(&format!("wrote {}", path.display()))
    }
}

/// The new content of a tool's file; none where what is there must not be changed.
fn merged(tool: &Tool, old: Option<&str>, text: &str) -> Option<String> {
    let old = old.unwrap_or_default();
    if tool.writing == Writing::Whole {
        let is_ours = old.trim().is_empty() || old.lines().take(2).any(|line| line.contains(MARK));
        return is_ours.then(|| whole(tool, text));
    }
    let block = format!("{BEGIN}{text}{END}");
    let Some((before, rest)) = old.split_once(BEGIN) else {
        let gap = if old.is_empty() || old.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        return Some(format!("{old}{gap}{block}"));
    };
    // A block without an end was edited: what follows is not ours to drop.
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{block}{after}"))
}

fn whole(tool: &Tool, text: &str) -> String {
    match tool.name {
        "apt" => format!("// {MARK}\n{text}"),
        "maven" => format!("<!-- {MARK} -->\n{text}"),
        _ => format!("# {MARK}\n{text}"),
    }
}

/// Beside the file first, so that no reader sees half of it. It may hold a token: a new one is the
/// owner's alone.
fn put(path: &Path, text: &str) -> Result<(), Failure> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    // A link to a file kept elsewhere stays a link.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(|source| failed("make", directory, source))?;
    }
    let mut beside = path.clone().into_os_string();
    beside.push(".artifact-cache-new");
    let beside = PathBuf::from(beside);
    let mode = if path.starts_with("/etc") {
        0o644
    } else {
        0o600
    };
    let mut options = fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(mode);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        if let Ok(old) = path.metadata() {
            file.set_permissions(old.permissions())?;
        }
        fs::rename(&beside, path)
    });
    written.map_err(|source| failed("write", path, source))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Failure {
    let path = path.to_owned();
    Failure::File {
        action,
        path,
        source,
    }
}

fn home() -> Result<PathBuf, Failure> {
    let home = super::remote::environment("HOME");
    let unknown = || Failure::Usage("$HOME is not set; name the file with --file".into());
    home.map(PathBuf::from).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_and_its_neighbours_stay() {
        let tool = Tool::named("npm").unwrap();
        let first = merged(tool, Some("registry=x"), "proxy=1\n").unwrap();
        assert!(first.starts_with("registry=x\n# >>>"));
        let second = merged(tool, Some(&format!("{first}after=1\n")), "proxy=2\n").unwrap();
        assert!(second.contains("registry=x\n") && second.ends_with("after=1\n"));
        assert!(second.contains("proxy=2") && !second.contains("proxy=1"));
        assert_eq!(merged(tool, Some(BEGIN), "x"), None);
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let tool = Tool::named("pip").unwrap();
        assert_eq!(merged(tool, Some("[global]\nindex-url = x\n"), "x"), None);
        let ours = merged(tool, None, "x\n").unwrap();
        assert!(merged(tool, Some(&ours), "y\n").unwrap().ends_with("y\n"));
    }
}
