//! `model export`: every model and every event as JSON lines, page by page.

use clap::Args;
use serde_json::{Value, json};

use super::place::{Place, read};
use crate::cli::{client::Client, exit::Failure, output::Output};

/// Models asked for at once: the most the API gives.
const PAGE: usize = 200;
/// The same for events.
const EVENTS: usize = 500;
/// So many numbers without an event behind the last model end it: the models behind it were removed.
const GAP: u64 = 256;

/// Arguments of `model export`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    place: Place,
}

impl Export {
    /// Lines `{"model": …}`, then `{"event": …}` of every number, also of models that are gone.
    pub(super) async fn run(&self, out: &mut Output) -> Result<(), Failure> {
        let client = self.place.client()?;
        let mut last = models(&client, out).await?;
        for id in 1.. {
            if events(&client, id, out).await? {
                last = last.max(id);
            } else if id >= last.saturating_add(GAP) {
                break;
            }
        }
        out.flush()
    }
}

async fn models(client: &Client, out: &mut Output) -> Result<u64, Failure> {
    let mut greatest = 0;
    for page in 0.. {
        let offset = page * PAGE;
        let path = format!("/models?sort=created_at&order=asc&limit={PAGE}&offset={offset}");
        let models = read(client, &path).await?;
        for model in items(&models) {
            greatest = greatest.max(model["id"].as_u64().unwrap_or_default());
            out.line(&json!({"model": model}).to_string())?;
        }
        if items(&models).len() < PAGE {
            break;
        }
    }
    Ok(greatest)
}

/// Whether there are any.
async fn events(client: &Client, id: u64, out: &mut Output) -> Result<bool, Failure> {
    let mut are_any = false;
    for page in 0.. {
        let offset = page * EVENTS;
        let path = format!("/models/{id}/events?limit={EVENTS}&offset={offset}");
        let events = read(client, &path).await?;
        for event in items(&events) {
            out.line(&json!({"event": event}).to_string())?;
            are_any = true;
        }
        if items(&events).len() < EVENTS {
            break;
        }
    }
    Ok(are_any)
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}
