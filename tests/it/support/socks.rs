//! A real SOCKS 5 proxy (RFC 1928, RFC 1929): names and IPv4 addresses, with or without credentials.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::PATIENCE;

/// A proxy on a port of its own. Its threads end with the connections.
pub(crate) struct Socks {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    /// A proxy for everybody, or for those who know these credentials.
    pub(crate) fn start(credentials: Option<(&'static str, &'static str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let log = Arc::clone(&log);
                thread::spawn(move || serve(client, credentials, &log).unwrap_or_default());
            }
        });
        Self { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("socks5://{}", self.address)
    }

    /// The targets it was asked for, as they were written.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    mut client: TcpStream,
    credentials: Option<(&str, &str)>,
    log: &Mutex<Vec<String>>,
) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let [_, count] = read(&mut client)?;
    let mut methods = vec![0; count.into()];
    client.read_exact(&mut methods)?;
    let wanted = credentials.map_or(0, |_| 2);
    if !methods.contains(&wanted) {
        return client.write_all(&[5, 0xff]);
    }
    client.write_all(&[5, wanted])?;
    if let Some((user, password)) = credentials {
        let [_] = read(&mut client)?;
        let given = (text(&mut client)?, text(&mut client)?);
        let is_right = given == (user.to_owned(), password.to_owned());
        client.write_all(&[1, u8::from(!is_right)])?;
        if !is_right {
            return Ok(());
        }
    }
    let target = target(&mut client)?;
    log.lock().unwrap().push(target.clone());
    let Ok(origin) = TcpStream::connect(&target) else {
        return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    carry(client, origin)
}

fn target(client: &mut TcpStream) -> io::Result<String> {
    let [_, _, _, kind] = read(client)?;
    let host = match kind {
        1 => read::<4>(client)?.map(|byte| byte.to_string()).join("."),
        _ => text(client)?,
    };
    let port = u16::from_be_bytes(read(client)?);
    Ok(format!("{host}:{port}"))
}

fn carry(client: TcpStream, origin: TcpStream) -> io::Result<()> {
    let (mut from_client, mut to_origin) = (client.try_clone()?, origin.try_clone()?);
    thread::spawn(move || {
        io::copy(&mut from_client, &mut to_origin).unwrap_or_default();
        to_origin.shutdown(Shutdown::Write).unwrap_or_default();
    });
    let (mut from_origin, mut to_client) = (origin, client);
    io::copy(&mut from_origin, &mut to_client)?;
    to_client.shutdown(Shutdown::Write)
}

fn text(client: &mut TcpStream) -> io::Result<String> {
    let [length] = read(client)?;
    let mut bytes = vec![0; length.into()];
    client.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn read<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}
