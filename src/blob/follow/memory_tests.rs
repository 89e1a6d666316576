//! Bytes that are only in memory, and who waits for whom because of them.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_in_memory_are_bounded_by_the_slowest_reader() {
    const PIECE: usize = 1 << 20;
    let source = Arc::new(Source::new(1, 12 * PIECE, true));
    let (mut fast, mut slow) = (
        source.growing.follow(Wanted::default()),
        source.growing.follow(Wanted::default()),
    );
    let gone = source.growing.follow(Wanted::default());
    let writer = source.clone();
    let writing = thread::spawn(move || {
        for piece in 0..12 {
            assert!(writer.spill(piece * PIECE, (piece + 1) * PIECE));
            assert!(writer.growing.readers.held() <= TAIL);
        }
        writer.complete();
    });
    drop(gone);
    let mut bytes = Vec::new();
    while bytes.len() < 4 * PIECE {
        bytes.extend_from_slice(&next(&mut fast, true).await.unwrap().unwrap());
    }
    assert!(!writing.is_finished(), "the slow reader has not begun");
    let reading = tokio::spawn(async move {
        while let Some(piece) = next(&mut fast, true).await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        bytes
    });
    let mut slow_bytes = Vec::new();
    while let Some(piece) = next(&mut slow, false).await {
        slow_bytes.extend_from_slice(&piece.unwrap());
    }
    assert!(slow_bytes == source.bytes && reading.await.unwrap() == source.bytes);
    writing.join().unwrap();
}

#[tokio::test]
async fn a_reader_of_what_is_in_the_file_holds_nobody_up() {
    let source = Arc::new(Source::new(1, 6 << 20, true));
    source.write(0, 100);
    let wanted = Wanted {
        range: Some(0..100),
        ..Wanted::default()
    };
    let part = source.growing.follow(wanted);
    let writer = source.clone();
    let writing = tokio::task::spawn_blocking(move || writer.spill(100, 6 << 20));
    assert!(
        tokio::time::timeout(PATIENCE, writing)
            .await
            .unwrap()
            .unwrap()
    );
    drop(part);
}

#[tokio::test]
async fn one_large_piece_in_memory_does_not_wait_for_its_own_end() {
    let source = Arc::new(Source::new(1, 9 << 20, false));
    let reading = tokio::spawn(read(source.growing.clone(), Wanted::default(), 1));
    tokio::task::yield_now().await;
    let writer = source.clone();
    let writing = tokio::task::spawn_blocking(move || {
        assert!(writer.spill(0, 9 << 20));
        writer.complete();
    });
    tokio::time::timeout(PATIENCE, writing)
        .await
        .unwrap()
        .unwrap();
    assert!(reading.await.unwrap().bytes == source.bytes);
}

#[tokio::test]
async fn a_writer_stops_when_nobody_is_left() {
    let source = Arc::new(Source::new(1, 12 << 20, true));
    let body = source.growing.follow(Wanted::default());
    let writer = source.clone();
    let writing = tokio::task::spawn_blocking(move || writer.spill(0, 6 << 20));
    tokio::task::yield_now().await;
    drop(body);
    let is_wanted = tokio::time::timeout(PATIENCE, writing).await.unwrap();
    assert!(!is_wanted.unwrap());
}

#[tokio::test]
async fn a_writer_does_not_wait_for_readers_of_what_has_failed() {
    let source = Arc::new(Source::new(1, 12 << 20, true));
    let _slow = source.growing.follow(Wanted::default());
    let writer = source.clone();
    let writing = tokio::task::spawn_blocking(move || writer.spill(0, 6 << 20));
    tokio::task::yield_now().await;
    source.fail();
    let is_wanted = tokio::time::timeout(PATIENCE, writing).await.unwrap();
    assert!(!is_wanted.unwrap());
}

#[tokio::test]
async fn bytes_in_memory_wait_for_a_reader_that_is_about_to_come() {
    let source = Arc::new(Source::new(1, 1000, true));
    let writer = source.clone();
    let writing = tokio::task::spawn_blocking(move || {
        assert!(writer.spill(0, 1000));
        writer.complete();
    });
    while !source.growing.is_spilled() {
        tokio::task::yield_now().await;
    }
    let got = read(source.growing.clone(), Wanted::default(), 1).await;
    assert_eq!(got.bytes, source.bytes);
    writing.await.unwrap();
}

#[tokio::test]
async fn a_held_request_is_let_go_when_bytes_are_only_in_memory() {
    let source = Source::new(1, 10, true);
    let _place = source.growing.follow(Wanted::default());
    let held = source.growing.hold();
    assert!(source.spill(0, 5));
    assert!(held.await.is_none());

    let source = Source::new(1, 10, true);
    source.write(0, 10);
    let held = source.growing.hold();
    source.complete();
    assert!(matches!(held.await, Some(Verdict::Complete { .. })));
}

#[tokio::test]
async fn a_small_blob_comes_from_memory_when_it_is_complete() {
    let bytes = Bytes::from_static(b"artifact");
    let growing = Growing::new(None, Some(8));
    let mut body = growing.follow(Wanted::default());
    let waiting = std::future::poll_fn(|cx| Poll::Ready(body.poll_payload(cx).is_pending()));
    assert!(waiting.await);
    growing.complete(Sha256::of(&bytes), 8, Some(bytes.clone()));
    assert_eq!(next(&mut body, true).await.unwrap().unwrap(), bytes);
    assert!(next(&mut body, true).await.is_none());
}

#[tokio::test]
async fn the_first_verdict_counts() {
    let source = Source::new(1, 10, true);
    source.complete();
    source.fail();
    let settled = source.growing.settled();
    assert!(matches!(settled, Some(Verdict::Complete { .. })));
}
