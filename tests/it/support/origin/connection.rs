//! One connection of the origin: requests in, scripted bytes out.

use std::{
    io::{self, BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustls::{ServerConnection, StreamOwned};

use super::{
    Ordering, Received, Shared,
    reply::{Chunks, Fault, Framing, Reply},
};
use crate::support::{Ending, Socket};

/// A chunk or a write is at most this long.
const PIECE: u64 = 64 << 10;

/// Why a connection ends.
enum End {
    /// The peer or the test ended it; nothing is left to do.
    Quiet,
    /// The response is complete and the connection ends with it.
    Orderly,
    /// The script asks for this ending.
    With(Ending),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Quiet
    }
}

struct Connection<'a> {
    shared: &'a Shared,
    socket: BufReader<Box<dyn Socket>>,
    number: usize,
}

impl Shared {
    pub(super) fn serve(&self, stream: &TcpStream, number: usize) {
        // Scripts decide what leaves when; the kernel must not hold bytes back.
        stream.set_nodelay(true).ok();
        let socket: Box<dyn Socket> = match &self.tls {
            None => Box::new(plain(stream)),
            Some(tls) => {
                let session = ServerConnection::new(Arc::clone(tls)).unwrap();
                Box::new(StreamOwned::new(session, plain(stream)))
            }
        };
        let mut connection = Connection {
            shared: self,
            socket: BufReader::new(socket),
            number,
        };
        let end = loop {
            match connection.exchange() {
                Ok(()) => {}
                Err(End::Quiet) => return,
                Err(End::Orderly) => {
                    connection.socket.get_mut().say_goodbye();
                    break Ending::Fin;
                }
                Err(End::With(ending)) => break ending,
            }
        };
        end.apply(stream);
        // Reading on until the peer's end keeps unread input from turning a FIN into a reset.
        connection.drain();
    }
}

impl Connection<'_> {
    /// Serves one request; an error ends the connection.
    fn exchange(&mut self) -> Result<(), End> {
        let request = self.request()?;
        let (request, reply) = self.shared.answer(request);
        self.send_head(&request, &reply)?;
        if reply.raw.is_none() && request.method != "HEAD" && !matches!(reply.status, 204 | 304) {
            self.send_body(&request, &reply)?;
        }
        let asked = request.value("connection").unwrap_or_default();
        if reply.ends_connection || asked.eq_ignore_ascii_case("close") {
            return Err(End::Orderly);
        }
        Ok(())
    }

    fn request(&mut self) -> Result<Received, End> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.socket.read(&mut byte)? == 0 {
                return Err(End::Orderly);
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head[..head.len() - 4]).into_owned();
        let mut request = Received::parse(&head, self.number).ok_or(End::Orderly)?;
        request.body = self.request_body(&request)?;
        Ok(request)
    }

    fn request_body(&mut self, request: &Received) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if request.value("transfer-encoding").is_some() {
            while let size @ 1.. = self.chunk_size()? {
                self.socket.by_ref().take(size).read_to_end(&mut body)?;
                self.line()?;
            }
            while !self.line()?.is_empty() {}
        } else if let Some(length) = request.value("content-length") {
            let length = length.parse().unwrap_or(0);
            self.socket.by_ref().take(length).read_to_end(&mut body)?;
        }
        Ok(body)
    }

    fn chunk_size(&mut self) -> io::Result<u64> {
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default().trim();
        u64::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        io::BufRead::read_line(&mut self.socket, &mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn send_head(&mut self, request: &Received, reply: &Reply) -> Result<(), End> {
        thread::sleep(reply.pace.head_delay);
        if let Some(gate) = &reply.pace.head_gate {
            gate.pass(1, || self.shared.is_stopped());
        }
        let head = reply.raw.clone().unwrap_or_else(|| head(request, reply));
        if reply.pace.head_byte_delay.is_zero() {
            return Ok(self.write(&head)?);
        }
        for byte in head {
            self.write(&[byte])?;
            thread::sleep(reply.pace.head_byte_delay);
        }
        Ok(())
    }

    fn send_body(&mut self, request: &Received, reply: &Reply) -> Result<(), End> {
        let start = Instant::now();
        let (from, to) = reply.range;
        let mut sent = 0;
        let mut buffer = vec![0; usize::try_from(PIECE.min(to - from)).unwrap_or(0)];
        loop {
            let mut wanted = (to - from - sent).min(PIECE);
            if let Some((at, fault)) = reply.fault {
                wanted = wanted.min(at.saturating_sub(sent));
                if at <= sent {
                    return self.fail(fault);
                }
            }
            if wanted == 0 {
                return self.finish(reply);
            }
            wanted = self.paced(reply, start, sent, wanted)?;
            let piece = &mut buffer[..usize::try_from(wanted).unwrap_or(0)];
            reply.content.read_at(from + sent, piece);
            self.send_piece(reply, sent, &buffer[..usize::try_from(wanted).unwrap_or(0)])?;
            sent += wanted;
            request.sent.fetch_add(wanted, Ordering::SeqCst);
        }
    }

    /// Waits until something may leave and says how much.
    fn paced(&self, reply: &Reply, start: Instant, sent: u64, wanted: u64) -> Result<u64, End> {
        let mut wanted = wanted;
        if let Some(gate) = &reply.pace.body_gate {
            wanted = gate.pass(wanted, || self.shared.is_stopped());
        }
        if let Some(rate) = reply.pace.bytes_per_second {
            // Small pieces make an even flow.
            wanted = wanted.min((rate / 100).max(1));
            let due = Duration::from_nanos(sent.saturating_mul(1_000_000_000) / rate.max(1));
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
        if self.shared.is_stopped() || wanted == 0 {
            return Err(End::Quiet);
        }
        Ok(wanted)
    }

    fn send_piece(&mut self, reply: &Reply, sent: u64, piece: &[u8]) -> io::Result<()> {
        let Framing::Chunked(chunks) = &reply.framing else {
            return self.write(piece);
        };
        let size = match chunks {
            Chunks::BadSize(text) if sent > 0 => text.clone(),
            _ => format!("{:x}", piece.len()),
        };
        let end = match chunks {
            Chunks::NoDataEnd if sent == 0 => "",
            _ => "\r\n",
        };
        self.write(&[size.as_bytes(), b"\r\n", piece, end.as_bytes()].concat())
    }

    fn finish(&mut self, reply: &Reply) -> Result<(), End> {
        let last = match &reply.framing {
            Framing::Length => return Ok(()),
            Framing::Close => return Err(End::Orderly),
            Framing::Claimed(_) | Framing::Chunked(Chunks::NoLastChunk) => {
                return Err(End::With(Ending::Fin));
            }
            Framing::Chunked(Chunks::Trailers(fields)) => {
                [b"0\r\n".as_slice(), &lines(fields), b"\r\n"].concat()
            }
            Framing::Chunked(Chunks::JunkAfterLast(junk)) => [b"0\r\n\r\n", &**junk].concat(),
            Framing::Chunked(_) => b"0\r\n\r\n".to_vec(),
        };
        Ok(self.write(&last)?)
    }

    fn fail(&mut self, fault: Fault) -> Result<(), End> {
        match fault {
            Fault::Cut(ending) => Err(End::With(ending)),
            Fault::Stall => {
                self.drain();
                Err(End::Quiet)
            }
        }
    }

    /// Reads until the peer or the test ends the connection.
    fn drain(&mut self) {
        io::copy(&mut self.socket, &mut io::sink()).ok();
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.get_mut().write_all(bytes)?;
        self.socket.get_mut().flush()
    }
}

fn plain(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("descriptors are left")
}

fn head(request: &Received, reply: &Reply) -> Vec<u8> {
    let mut fields = reply.fields.clone();
    let length = reply.range.1 - reply.range.0;
    match &reply.framing {
        _ if matches!(reply.status, 204 | 304) => {}
        Framing::Length => fields.push(("Content-Length".into(), length.to_string())),
        Framing::Claimed(claim) => fields.push(("Content-Length".into(), claim.to_string())),
        Framing::Chunked(_) => fields.push(("Transfer-Encoding".into(), "chunked".into())),
        Framing::Close => {}
    }
    if request.value("connection") == Some("close") {
        fields.push(("Connection".into(), "close".into()));
    }
    let line = format!("HTTP/1.1 {} Scripted\r\n", reply.status);
    [line.as_bytes(), &lines(&fields), b"\r\n"].concat()
}

fn lines(fields: &[(String, String)]) -> Vec<u8> {
    let lines = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    lines.collect::<String>().into_bytes()
}
