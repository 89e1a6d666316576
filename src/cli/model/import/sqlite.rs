//! The `SQLite` file of the program that this one replaces: its tables `models` and `model_events`. The file
//! is only read, and nothing in it is trusted: not its size, its types nor its schema.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};
use serde_json::{Map, Value};

use super::{Read, fields::Fields};

/// Longest value of a column, in bytes. A write of the original is a quarter of it at most.
const MAX_VALUE: usize = 1 << 20;
/// What every version of the tables has.
const MODELS: &[&str] = &["id", "name", "version", "created_at", "updated_at"];
const EVENTS: &[&str] = &["id", "model_id", "event_type", "created_at"];
/// What it may have besides; anything else is noted and left out.
const MODELS_TOO: &[&str] = &[
    "status",
    "artifact_uri",
    "local_checkpoint_path",
    "checkpoint_path",
    "local_config_path",
    "config_path",
    "checkpoint_sha256",
    "checkpoint_size_bytes",
    "config_sha256",
    "config_size_bytes",
    "run_id",
    "git_commit",
    "created_by",
    "source_host",
    "frozen",
    "d_model",
    "n_layers",
    "n_heads",
    "vocab_size",
    "params",
    "training_step",
    "training_loss",
    "dataset",
    "description",
    "tags",
    "tags_json",
    "metrics",
    "metrics_json",
];
const EVENTS_TOO: &[&str] = &["payload_json", "payload", "actor"];

/// Reads every model and event.
pub(super) fn read(path: &Path) -> Result<Read, String> {
    let database = open(path).map_err(told)?;
    let sound: String = database
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(told)?;
    if sound != "ok" {
        return Err(format!("the file is damaged: {sound}"));
    }
    let mut read = Read::default();
    for fields in rows(&database, "models", (MODELS, MODELS_TOO), &mut read.notes)? {
        let model = fields.model().map_err(|why| at("models", &fields, &why))?;
        read.incoming.models.push(model);
    }
    for fields in rows(
        &database,
        "model_events",
        (EVENTS, EVENTS_TOO),
        &mut read.notes,
    )? {
        let event = fields
            .event()
            .map_err(|why| at("model_events", &fields, &why))?;
        read.incoming.events.push(event);
    }
    Ok(read)
}

/// Opens the file for reading. Without a log of writes beside it, it is taken as it is and nothing is locked
/// or made beside it; with one, what stands in the log is read too.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let has_log = PathBuf::from(log).metadata().is_ok_and(|log| log.len() > 0);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = if has_log {
        Connection::open_with_flags(path, flags)
    } else {
        let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let uri = url::Url::from_file_path(&absolute);
        let uri = uri.map_err(|()| rusqlite::Error::InvalidPath(absolute))?;
        let flags = flags | OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(format!("{uri}?immutable=1"), flags)
    }?;
    database.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON")?;
    Ok(database)
}

/// The rows of a table as objects, in order of `id`, each once.
fn rows(
    database: &Connection,
    table: &str,
    (needed, known): (&[&str], &[&str]),
    notes: &mut Vec<String>,
) -> Result<Vec<Fields>, String> {
    is_plain(database, table)?;
    let columns = columns(database, table)?;
    if let Some(absent) = needed
        .iter()
        .find(|name| !columns.iter().any(|column| column == *name))
    {
        return Err(format!(
            "the table {table} has no column {absent}: another schema"
        ));
    }
    let is_known = |column: &&String| {
        let mut names = needed.iter().chain(known);
        names.any(|name| name == column)
    };
    let (taken, left): (Vec<_>, Vec<_>) = columns.iter().partition(is_known);
    notes.extend(
        left.iter()
            .map(|column| format!("the column {table}.{column} is left out")),
    );
    let list: Vec<_> = taken.iter().map(|column| format!("\"{column}\"")).collect();
    let query = format!(
        "SELECT {} FROM main.\"{table}\" ORDER BY id",
        list.join(", ")
    );
    let mut statement = database.prepare(&query).map_err(told)?;
    let mut rows = statement.query([]).map_err(told)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next().map_err(told)? {
        let fields =
            fields(row, &taken).map_err(|why| format!("{table}, row {}: {why}", read.len() + 1))?;
        let is_twice = |before: &Fields| before.0["id"] == fields.0["id"];
        if read.last().is_some_and(is_twice) {
            return Err(at(table, &fields, "the number is there twice"));
        }
        read.push(fields);
    }
    Ok(read)
}

/// A table of its own: no view and no virtual table, which could run anything.
fn is_plain(database: &Connection, table: &str) -> Result<(), String> {
    let query = "SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = ?1";
    let made: Result<Option<String>, _> = database.query_row(query, [table], |row| row.get(0));
    let virtual_table = |sql: &str| sql.to_ascii_uppercase().contains("VIRTUAL");
    match made {
        Ok(Some(sql)) if !virtual_table(&sql) => Ok(()),
        Ok(_) | Err(rusqlite::Error::QueryReturnedNoRows) => {
            Err(format!("there is no table {table}: another schema"))
        }
        Err(error) => Err(told(error)),
    }
}

fn columns(database: &Connection, table: &str) -> Result<Vec<String>, String> {
    let query = "SELECT name FROM pragma_table_info(?1)";
    let mut statement = database.prepare(query).map_err(told)?;
    let names = statement
        .query_map([table], |row| row.get(0))
        .map_err(told)?;
    names.collect::<Result<_, _>>().map_err(told)
}

fn fields(row: &Row<'_>, columns: &[&String]) -> Result<Fields, String> {
    let mut fields = Map::new();
    for (at, column) in columns.iter().enumerate() {
        let value = row.get_ref(at).map_err(told)?;
        let value = json(value).map_err(|why| format!("{column} {why}"))?;
        fields.insert((*column).clone(), value);
    }
    Ok(Fields(fields))
}

fn json(value: ValueRef<'_>) -> Result<Value, String> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) if bytes.len() > MAX_VALUE => {
            return Err(format!("has {} bytes, more than {MAX_VALUE}", bytes.len()));
        }
        ValueRef::Text(bytes) => {
            let text = std::str::from_utf8(bytes);
            text.map_err(|_| "is not UTF-8")?.into()
        }
        ValueRef::Blob(_) => return Err("is a BLOB".into()),
    })
}

fn at(table: &str, fields: &Fields, why: &str) -> String {
    format!("{table}, id {}: {why}", fields.0["id"])
}

#[expect(clippy::needless_pass_by_value, reason = "has the shape of map_err")]
fn told(error: rusqlite::Error) -> String {
    error.to_string()
}
