//! nginx as a peer: found, configured at its best for this work, and started in the foreground.

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    server::Place,
    tls::{CERTIFICATE, KEY},
};

/// The worker, the cache manager, and the cache loader as long as it runs.
pub(super) const CHILDREN: usize = 2;

/// Where nginx is, if it is installed.
pub(super) fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    directories
        .map(|directory| directory.join("nginx"))
        .find(|binary| binary.is_file())
}

/// What `nginx -v` says.
pub(super) fn version(binary: &Path) -> String {
    let output = Command::new(binary).arg("-v").output();
    let text = output.map(|output| output.stderr).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// The command that runs it in the foreground on `address`, before the origin, with everything it writes below `data`.
pub(super) fn command(
    binary: &Path,
    addresses: (SocketAddr, SocketAddr),
    place: &Place<'_>,
    data: &Path,
) -> io::Result<Command> {
    let file = data.join("nginx.conf");
    fs::write(
        &file,
        configuration(addresses, place, &data.display().to_string()),
    )?;
    let mut command = Command::new(binary);
    command
        .arg("-c")
        .arg(file)
        .arg("-p")
        .arg(data)
        .args(["-e", "stderr"]);
    Ok(command)
}

/// The configuration. `proxy_cache_lock` is what it has against herds; `tcp_nopush` delays small proxied objects by
/// 40 ms, so it is off unless asked for.
fn configuration(
    (address, tls_address): (SocketAddr, SocketAddr),
    place: &Place<'_>,
    data: &str,
) -> String {
    let nopush = if place.nginx_nopush { "on" } else { "off" };
    let origin = place.origin;
    // Workers of a privileged master would become `nobody`, who may not write below `data`.
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    format!(
        "daemon off; worker_processes 1; pid {data}/pid; error_log stderr crit; worker_rlimit_nofile 40000; {user}
events {{ worker_connections 20000; }}
http {{
  access_log off; sendfile on; tcp_nopush {nopush}; tcp_nodelay on; aio off;
  keepalive_timeout 600s; keepalive_requests 1000000000; reset_timedout_connection on;
  open_file_cache max=20000 inactive=600s; open_file_cache_valid 600s; open_file_cache_min_uses 1;
  client_body_temp_path {data}/body; fastcgi_temp_path {data}/fastcgi; uwsgi_temp_path {data}/uwsgi; scgi_temp_path {data}/scgi;
  proxy_temp_path {data}/temp; proxy_buffering on; proxy_buffers 16 64k; proxy_buffer_size 64k;
  proxy_cache_path {data}/cache levels=1:2 keys_zone=z:64m max_size=64g inactive=1d use_temp_path=off;
  upstream origin {{ server {origin}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen {address} backlog=4096;
    listen {tls_address} ssl backlog=4096;
    ssl_certificate {data}/{CERTIFICATE}; ssl_certificate_key {data}/{KEY};
    ssl_protocols TLSv1.3; ssl_session_cache shared:s:10m;
    location / {{
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $http_host;
      proxy_cache z; proxy_cache_key $uri; proxy_cache_valid 200 1d; proxy_cache_lock on; proxy_cache_lock_timeout 600s; proxy_cache_lock_age 600s;
      proxy_force_ranges on;
    }}
  }}
}}
"
    )
}
