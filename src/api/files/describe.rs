//! Files and pointers as the description of the API has them.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::{
    Info,
    pointers::{History, Pointer},
    retention::{Expiry, Known, ToExpire},
    signing::{Signed, ToSign},
};
use crate::api::openapi::{Answer, Operation, query};

/// Files and pointers.
pub(in crate::api) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let mut all = files(generator);
    all.extend(parts(generator));
    all.extend(operators(generator));
    let (run, tokenizer) = (
        "/runs/{run_id}/artifact",
        "/tokenizers/{tokenizer_id}/artifact",
    );
    all.extend(pointers(run, "/runs/{run_id}/artifact/history", generator));
    all.extend(pointers(
        tokenizer,
        "/tokenizers/{tokenizer_id}/artifact/history",
        generator,
    ));
    all
}

fn force() -> Vec<Value> {
    vec![query(
        "force",
        &json!({"enum": ["0", "1", "false", "true"]}),
    )]
}

fn files(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let info = generator.subschema_for::<Info>().to_value();
    let signed = generator.subschema_for::<Signed>().to_value();
    let to_sign = generator.subschema_for::<ToSign>().to_value();
    let (one, bytes) = ("/files/{file_id}", || Answer::Other("*/*"));
    let form = json!({
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}},
    });
    vec![
        Operation::answering(
            "/files",
            "post",
            "Upload a file",
            "201",
            Answer::Json(info.clone()),
        )
        .taking(json!({"multipart/form-data": {"schema": form}, "application/octet-stream": {}})),
        Operation::new(
            "/files:sign",
            "post",
            "A URL for one request without a key",
            &signed,
        )
        .with_body(&to_sign),
        Operation::answering(one, "get", "The bytes of a file", "200", bytes())
            .or("206", bytes())
            .or("304", Answer::Nothing),
        Operation::answering(one, "delete", "Remove a file", "204", Answer::Nothing).with(force()),
        Operation::new(
            "/files/{file_id}/info",
            "get",
            "What is known of a file",
            &info,
        ),
    ]
}

/// Uploads in parts.
fn parts(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let info = generator.subschema_for::<Info>().to_value();
    let path = "/files/uploads/{upload_id}";
    vec![
        Operation::answering(path, "head", "How far an upload is", "204", Answer::Nothing),
        Operation::answering(path, "patch", "Append to an upload", "204", Answer::Nothing)
            .or("201", Answer::Json(info))
            .taking(json!({"application/partial-upload": {}})),
        Operation::answering(path, "delete", "Give an upload up", "204", Answer::Nothing),
    ]
}

fn operators(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let known = generator.subschema_for::<Known>().to_value();
    let expiry = generator.subschema_for::<Expiry>().to_value();
    let to_expire = generator.subschema_for::<ToExpire>().to_value();
    vec![
        Operation::new(
            "/api/v1/files/{prefix}",
            "get",
            "The one file whose id begins so",
            &known,
        ),
        Operation::new(
            "/api/v1/files:expire",
            "post",
            "What retention makes of the files",
            &expiry,
        )
        .with_body(&to_expire),
    ]
}

fn pointers(
    path: &'static str,
    history: &'static str,
    generator: &mut SchemaGenerator,
) -> Vec<Operation> {
    let pointer = generator.subschema_for::<Pointer>().to_value();
    let past = generator.subschema_for::<History>().to_value();
    vec![
        Operation::new(path, "get", "Which file it produced", &pointer),
        Operation::new(path, "put", "Point to a file", &pointer)
            .with_body(&pointer)
            .with(force()),
        Operation::answering(path, "delete", "Point to nothing", "204", Answer::Nothing),
        Operation::new(history, "get", "Which files it pointed to before", &past),
    ]
}
