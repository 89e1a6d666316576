//! The ways to hand the writer a change, and to stop it.

use std::{thread::JoinHandle, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    Catalog, CatalogError, Change, Result, Written,
    writer::{Request, Writer},
};

impl Catalog {
    /// Changes the catalog; the answer comes when the change is durable. A caller that stops waiting
    /// once the change was taken does not stop the change.
    pub async fn write(&self, change: Change) -> Result<Written> {
        self.ask(|answer| Request::Change(Box::new(change), answer))
            .await
    }

    /// The same, unless the writer is so busy that the change cannot even be handed over in time; then
    /// it fails with `Busy` and nothing is changed.
    pub async fn write_within(&self, limit: Duration, change: Change) -> Result<Written> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Change(Box::new(change), answer);
        let sent = timeout(limit, self.requests()?.send(request)).await;
        let sent = sent.map_err(|_| CatalogError::Busy)?;
        sent.map_err(|_| CatalogError::Closed)?;
        answered.await.map_err(|_| CatalogError::Closed)?
    }

    /// The same for threads without a runtime. Panics on an async thread.
    pub fn write_blocking(&self, change: Change) -> Result<Written> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Change(Box::new(change), answer);
        let sent = self.requests()?.blocking_send(request);
        sent.map_err(|_| CatalogError::Closed)?;
        answered.blocking_recv().map_err(|_| CatalogError::Closed)?
    }

    /// Writes many changes and waits for all: they share commits. The first error is returned, after
    /// every change was tried. Panics on an async thread.
    pub fn write_all_blocking(&self, changes: impl IntoIterator<Item = Change>) -> Result<()> {
        let mut answers = Vec::new();
        for change in changes {
            let (answer, answered) = oneshot::channel();
            let request = Request::Change(Box::new(change), answer);
            let sent = self.requests()?.blocking_send(request);
            sent.map_err(|_| CatalogError::Closed)?;
            answers.push(answered);
        }
        let mut result = Ok(());
        for answered in answers {
            let written = answered.blocking_recv();
            result = result.and(written.map_err(|_| CatalogError::Closed)?.map(drop));
        }
        result
    }

    /// Writes many changes and waits for all, each with its own answer: they share commits. Panics on an
    /// async thread.
    pub fn write_each_blocking(
        &self,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<Vec<Result<Written>>> {
        let mut answers = Vec::new();
        for change in changes {
            let (answer, answered) = oneshot::channel();
            let request = Request::Change(Box::new(change), answer);
            let sent = self.requests()?.blocking_send(request);
            sent.map_err(|_| CatalogError::Closed)?;
            answers.push(answered);
        }
        let answers = answers.into_iter().map(oneshot::Receiver::blocking_recv);
        let written = answers.map(|answer| answer.map_err(|_| CatalogError::Closed));
        written.collect()
    }

    /// Writes the hits counted so far.
    pub async fn flush_hits(&self) -> Result<()> {
        self.ask(Request::Flush).await
    }

    /// Finishes what waits, writes the hits and stops the writer; later writes fail with `Closed`,
    /// reads go on. Closing twice is harmless.
    pub async fn close(&self) -> Result<()> {
        let closed = match self.ask(Request::Close).await {
            Err(CatalogError::Closed) => Ok(()),
            closed => closed,
        };
        let thread = self.0.take_thread();
        let joined = tokio::task::spawn_blocking(|| thread.map(JoinHandle::join)).await;
        match joined {
            Ok(None | Some(Ok(()))) => closed,
            Ok(Some(Err(_))) | Err(_) => Err(CatalogError::Closed),
        }
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let sent = self.requests()?.send(request(answer)).await;
        sent.map_err(|_| CatalogError::Closed)?;
        answered.await.map_err(|_| CatalogError::Closed)?
    }

    fn requests(&self) -> Result<&mpsc::Sender<Request>> {
        self.0.requests.as_ref().ok_or(CatalogError::Closed)
    }
}

/// The writer waits on tokio's channel and timer, on a runtime of its own: it never shares a thread.
pub(super) fn start(
    writer: Writer,
    requests: mpsc::Receiver<Request>,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    std::thread::Builder::new()
        .name("catalog-writer".into())
        .spawn(move || runtime.block_on(writer.run(requests)))
}
