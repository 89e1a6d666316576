//! `verify`: reads stored bytes again and compares them with the digest that names them.

use artifact_cache_layers::digest::Sha256;
use clap::Args;
use serde_json::{Value, json};

use super::{
    exit::Failure,
    fetch::digest,
    job::{Waiting, judge},
    local::{self, Damage, Verified},
    output::Output,
    remote::Remote,
    settings::{Place, Settings},
};

/// Arguments of `verify`.
#[derive(Args, Debug)]
#[group(id = "which", required = true, multiple = false, args = ["all", "digest"])]
pub(super) struct Verify {
    /// Everything that is stored
    #[arg(long)]
    all: bool,
    /// The artifact of this digest
    #[arg(value_name = "DIGEST", value_parser = digest)]
    digest: Option<Sha256>,
    #[command(flatten)]
    place: Place,
    /// Let the running cache do it, as a job: with --all
    #[arg(long, requires = "all", conflicts_with = "digest")]
    job: bool,
    /// Have what is damaged moved aside and fetched again: with --job
    #[arg(long, requires = "job")]
    heal: bool,
    /// Most bytes that the running cache reads in a second
    #[arg(long, value_name = "N", requires = "job")]
    bytes_per_second: Option<u64>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// How many blobs were found in which state.
#[derive(Debug, Default)]
struct Tally {
    intact: u64,
    damaged: Vec<(Sha256, Damage)>,
    missing: Vec<Sha256>,
}

impl Verify {
    /// Reads and compares. Damage is exit code 4, a digest that is not stored 2.
    pub(super) async fn run(self, before: Settings, out: &mut Output) -> Result<(), Failure> {
        if self.job {
            return self.as_job(out).await;
        }
        let mut tally = Tally::default();
        let settings = before.overridden_by(self.place.into());
        local::verify(settings, self.digest, &mut |blob| tally.add(blob))
            .map_err(Failure::Local)?;
        tally.tell(self.remote.json, out)?;
        tally.judge()
    }

    async fn as_job(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let wanted = json!({"bytes_per_second": self.bytes_per_second, "heal": self.heal});
        let job = client.post_json("/api/v1/verify", &wanted).await?;
        let job = self
            .waiting
            .end((&client, self.remote.json), job, out)
            .await?;
        let found = |name: &str| job["report"][name].as_u64().unwrap_or_default();
        let number = |count| usize::try_from(count).unwrap_or(usize::MAX);
        match (found("damaged"), found("missing")) {
            _ if self.heal => judge(&job),
            (0, 0) => judge(&job),
            (0, missing) => Err(Failure::Missing(format!("{missing} not stored"))),
            (damaged, _) => Err(Failure::Damaged(number(damaged))),
        }
    }
}

impl Tally {
    fn add(&mut self, blob: Verified) {
        match blob {
            Verified::Intact => self.intact += 1,
            Verified::Damaged { digest, damage } => self.damaged.push((digest, damage)),
            Verified::Missing { digest } => self.missing.push(digest),
        }
    }

    fn tell(&self, is_json: bool, out: &mut Output) -> Result<(), Failure> {
        if is_json {
            let damaged: Vec<_> = self.damaged.iter().map(object).collect();
            let missing: Vec<_> = self.missing.iter().map(ToString::to_string).collect();
            return out
                .json(&json!({"intact": self.intact, "damaged": damaged, "missing": missing}));
        }
        for (digest, damage) in &self.damaged {
            out.line(&format!("damaged  {digest}  ({})", described(*damage)))?;
        }
        for digest in &self.missing {
            out.line(&format!("missing  {digest}"))?;
        }
        out.line(&format!("intact   {}", self.intact))
    }

    fn judge(&self) -> Result<(), Failure> {
        match (self.damaged.len(), self.missing.len()) {
            (0, 0) => Ok(()),
            (0, missing) => Err(Failure::Missing(format!("{missing} not stored"))),
            (damaged, _) => Err(Failure::Damaged(damaged)),
        }
    }
}

fn object((digest, damage): &(Sha256, Damage)) -> Value {
    let sha256 = digest.to_string();
    match damage {
        Damage::Digest(actual) => json!({"sha256": sha256, "actual": actual.to_string()}),
        Damage::Length(bytes) => json!({"sha256": sha256, "size_bytes": bytes}),
    }
}

fn described(damage: Damage) -> String {
    match damage {
        Damage::Digest(actual) => format!("has {actual}"),
        Damage::Length(bytes) => format!("has {bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::exit::Exit, *};

    #[test]
    fn damage_outweighs_what_is_missing_and_both_outweigh_what_is_intact() {
        let digest = Sha256::of(b"a");
        let damage = Damage::Digest(Sha256::of(b"b"));
        let mut tally = Tally::default();
        tally.add(Verified::Intact);
        assert!(tally.judge().is_ok());
        tally.add(Verified::Missing { digest });
        assert_eq!(tally.judge().unwrap_err().exit(), Exit::Missing);
        tally.add(Verified::Damaged { digest, damage });
        assert_eq!(tally.judge().unwrap_err().exit(), Exit::Mismatch);
    }
}
