//! Signs a GET for S3 and prints it as a `curl` call, then as a presigned URL.
//!
//! ```sh
//! AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… AWS_REGION=eu-central-1 \
//!   cargo run -p artifact-cache-layers --features sigv4 --example sign_s3 -- https://s3.example.com/bucket/key
//! ```

use std::{
    env,
    time::{Duration, SystemTime},
};

use artifact_cache_layers::{
    body::BoxError,
    sigv4::{Credentials, Payload, Signer},
};
use http::{Method, Request, Uri};

/// How long the presigned URL is good for.
const VALID: Duration = Duration::from_mins(15);

fn main() -> Result<(), BoxError> {
    let uri: Uri = env::args()
        .nth(1)
        .unwrap_or_else(|| "https://s3.example.com/bucket/key".into())
        .parse()?;
    let credentials = credentials();
    let signer = Signer::s3(&variable("AWS_REGION", "us-east-1"));
    let now = SystemTime::now();

    let mut request = Request::get(&uri).body(())?;
    signer.sign(&mut request, &credentials, Payload::Empty, now)?;
    print!("curl -O");
    for (name, value) in request.headers() {
        print!(" \\\n  -H '{name}: {}'", value.to_str()?);
    }
    println!(" \\\n  '{uri}'\n");

    let presigned = signer.presign(&Method::GET, &uri, &credentials, VALID, now)?;
    println!("curl -O '{presigned}'");
    Ok(())
}

fn credentials() -> Credentials {
    let keys = Credentials::new(
        &variable("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        &variable(
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        ),
    );
    match env::var("AWS_SESSION_TOKEN") {
        Ok(token) => keys.with_session_token(&token),
        Err(_) => keys,
    }
}

fn variable(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.into())
}
