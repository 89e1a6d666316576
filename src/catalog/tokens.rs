//! Access tokens: records of who may do what, with the digest of the secret and never the secret.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{
    Catalog, CatalogError, Written,
    codec::{self, nanoseconds},
    transaction::Transaction,
};

/// Most tokens of one catalog; all of them are kept in memory while it is open.
pub const MAX_TOKENS: usize = 10_000;

type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// What is kept of one token. The names of scopes and targets are for `access` to read.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// The public part of the token.
    pub id: String,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// SHA-256 of the whole token.
    pub digest: [u8; 32],
    /// What it allows.
    pub scopes: Vec<String>,
    /// What it is limited to: hosts and URL prefixes; empty for no limit.
    pub targets: Vec<String>,
    /// When it was made.
    pub created_at: SystemTime,
    /// From when on it is refused.
    pub expires_at: Option<SystemTime>,
    /// When it was accepted last, as far as that was written.
    pub last_used_at: Option<SystemTime>,
}

/// The order of the fields is the format.
#[derive(Serialize, Deserialize)]
struct TokenBytes {
    name: String,
    digest: [u8; 32],
    scopes: Vec<String>,
    targets: Vec<String>,
    created_at: u64,
    expires_at: Option<u64>,
    last_used_at: Option<u64>,
}

impl std::fmt::Debug for TokenRecord {
    /// Without the digest: a log is no place for what a guess could be compared with.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenRecord")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl TokenRecord {
    fn encoded(&self) -> Result<Vec<u8>, codec::Malformed> {
        codec::encode(&TokenBytes {
            name: self.name.clone(),
            digest: self.digest,
            scopes: self.scopes.clone(),
            targets: self.targets.clone(),
            created_at: nanoseconds(self.created_at),
            expires_at: self.expires_at.map(nanoseconds),
            last_used_at: self.last_used_at.map(nanoseconds),
        })
    }

    pub(super) fn decoded(id: &[u8], bytes: &[u8]) -> Result<Self, codec::Malformed> {
        let token: TokenBytes = codec::decode(bytes)?;
        let id = std::str::from_utf8(id).map_err(|_| codec::Malformed::Value("the token's id"))?;
        Ok(Self {
            id: id.to_owned(),
            name: token.name,
            digest: token.digest,
            scopes: token.scopes,
            targets: token.targets,
            created_at: codec::time(token.created_at),
            expires_at: token.expires_at.map(codec::time),
            last_used_at: token.last_used_at.map(codec::time),
        })
    }
}

impl Catalog {
    /// Every token, in order of id. One that cannot be read is left out: it lets nobody in.
    pub fn tokens(&self) -> Result<Vec<TokenRecord>> {
        let txn = self.environment().read()?;
        let table = self.environment().tables.tokens;
        let rows = table.rows(&txn, None, MAX_TOKENS)?;
        let read = |(id, bytes): &(Vec<u8>, Vec<u8>)| {
            let token = table.sound(TokenRecord::decoded(id, bytes));
            token
                .inspect_err(|error| tracing::error!(%error, "an access token is left out"))
                .ok()
        };
        Ok(rows.iter().filter_map(read).collect())
    }
}

impl Transaction<'_> {
    pub(super) fn put_token(&mut self, token: &TokenRecord) -> Result<Written> {
        let table = self.tables.tokens;
        table.put_record(&mut self.txn, token.id.as_bytes(), token.encoded())?;
        Ok(Written::default())
    }

    pub(super) fn remove_token(&mut self, id: &str) -> Result<Written> {
        self.tables.tokens.delete(&mut self.txn, id.as_bytes())?;
        Ok(Written::default())
    }

    /// Tokens that were removed meanwhile stay removed.
    pub(super) fn use_tokens(&mut self, uses: &[(String, SystemTime)]) -> Result<Written> {
        let table = self.tables.tokens;
        for (id, used) in uses {
            let decode = |bytes| TokenRecord::decoded(id.as_bytes(), bytes);
            if let Some(mut token) = table.record(&self.txn, id.as_bytes(), decode)? {
                token.last_used_at = token.last_used_at.max(Some(*used));
                table.put_record(&mut self.txn, id.as_bytes(), token.encoded())?;
            }
        }
        Ok(Written::default())
    }
}
