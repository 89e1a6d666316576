//! A scripted HTTP server on a thread, for programs that are run as a whole.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use serde_json::Value;

/// A server that answers what a function makes of the head of each request.
pub(super) struct Server {
    pub(super) url: String,
    heads: Arc<Mutex<Vec<String>>>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let accepting = std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let head = head_of(&connection);
                if head.starts_with("STOP") {
                    return;
                }
                let answer = answer(&head);
                seen.lock().unwrap().push(head);
                // A client may have left on purpose.
                let _ = connection.write_all(&answer);
            }
        });
        Self {
            url,
            heads,
            accepting: Some(accepting),
        }
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let address = self.url.trim_start_matches("http://");
        if let Ok(mut connection) = TcpStream::connect(address) {
            let _ = connection.write_all(b"STOP\r\n\r\n");
        }
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn head_of(connection: &TcpStream) -> String {
    let lines = BufReader::new(connection).lines();
    let lines = lines.map_while(Result::ok);
    let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join("\n")
}

pub(super) fn response(status: u16, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let is_length_named = fields.iter().any(|(name, _)| *name == "Content-Length");
    let own = [("Connection", "close"), ("Content-Length", &*length)];
    let own = &own[..if is_length_named { 1 } else { 2 }];
    let fields = own.iter().chain(fields);
    let fields: String = fields
        .map(|(name, value)| [name, ": ", value, "\r\n"].concat())
        .collect();
    let head = format!("HTTP/1.1 {status} Reason\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

pub(super) fn refusal(status: u16, body: &Value) -> Vec<u8> {
    let fields = [("Content-Type", "application/json")];
    response(status, &fields, body.to_string().as_bytes())
}

pub(super) fn json_response(body: &Value) -> Vec<u8> {
    refusal(200, body)
}
