//! Runs of W&B clients, through the binary.

use crate::support::{Project, Server};
use serde_json::{Value, json};
use std::path::Path;

fn post(server: &Server, path: &str, body: &Value) -> Value {
    let mut answer = ureq::post(format!("{}{path}", server.url)).send_json(body).unwrap();
    answer.body_mut().read_json().unwrap()
}

fn ask(server: &Server, query: &str) -> Value {
    let answer = post(server, "/graphql", &json!({ "query": query }));
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"].clone()
}

/// A field of a message with this content.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = varint(number << 3 | 2);
    bytes.extend(varint(content.len() as u64));
    bytes.extend(content);
    bytes
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value as u8 & 0x7F) | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// A run's file as its client writes it, with small records only.
fn write_run(path: &Path, records: &[Vec<u8>]) {
    let mut bytes = b":W&B\xE1\xBE\0".to_vec();
    for record in records {
        let checked: Vec<u8> = [1].iter().chain(record).copied().collect();
        bytes.extend(crc32(&checked).to_le_bytes());
        bytes.extend(u16::try_from(record.len()).unwrap().to_le_bytes());
        bytes.extend(checked);
    }
    assert!(bytes.len() < 32 << 10, "one block");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// An item with a key and a value.
fn item(key: &str, value: &str) -> Vec<u8> {
    [field(2, key.as_bytes()), field(16, value.as_bytes())].concat()
}

fn records(exit: bool) -> Vec<Vec<u8>> {
    let config = field(1, &item("lr", "0.5"));
    let run = [
        field(1, b"abc"),
        field(3, b"trips"),
        field(4, &config),
        field(8, b"far away"),
        field(10, b"offline"),
    ];
    let mut records = vec![field(17, &run.concat())];
    for step in 0..3 {
        let items = [item("_step", &step.to_string()), item("loss", "NaN"), item("auc", "0.5")];
        records.push(field(2, &items.map(|item| field(1, &item)).concat()));
    }
    records.push(field(3, &field(1, &item("best", "0.75"))));
    if exit {
        records.push(field(18, &[8, 0]));
    }
    records
}

#[test]
fn a_run_is_imported_once_however_often() {
    let project = Project::new();
    let server = Server::start(&project);
    let folder = project.path().join("wandb/offline-run-1-abc");
    write_run(&folder.join("run-abc.wandb"), &records(false));
    project.write("wandb/offline-run-1-abc/files/media/note.txt", "hello");
    let url = [("MAINSPRING_URL", server.url.as_str())];
    let ended = project.run_with(&["import", "wandb", "wandb"], &url);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.out, "imported trips/abc: 3 steps, 1 files\n");
    // The run went on, and its file grew.
    write_run(&folder.join("run-abc.wandb"), &records(true));
    for _ in 0..2 {
        let ended = project.run_with(&["import", "wandb", "wandb"], &url);
        assert_eq!(ended.out, "brought up to date trips/abc: 3 steps, 1 files\n");
    }
    let data = ask(
        &server,
        "{ project(name: \"trips\") { runCount run(name: \"abc\") { displayName state tags historyLineCount
             summaryMetrics files { edges { node { name sizeBytes } } } } } }",
    );
    let run = &data["project"]["run"];
    assert_eq!((&data["project"]["runCount"], &run["historyLineCount"]), (&json!(1), &json!(3)));
    assert_eq!((&run["displayName"], &run["state"]), (&json!("far away"), &json!("finished")));
    assert!(run["summaryMetrics"].as_str().unwrap().contains("\"best\":0.75"), "{run}");
    assert_eq!(run["files"]["edges"][0]["node"], json!({ "name": "media/note.txt", "sizeBytes": 5 }));
}

#[test]
fn files_that_are_no_runs_are_refused() {
    let project = Project::new();
    for (name, content) in [("x.wandb", "something else"), ("empty.wandb", "")] {
        project.write(name, content);
        let ended = project.run(&["import", "wandb", name]);
        assert_eq!(ended.code, 2, "{}", ended.err);
        assert!(ended.err.contains("no file of a W&B run"), "{}", ended.err);
    }
    write_run(&project.path().join("damaged.wandb"), &records(true));
    let mut bytes = std::fs::read(project.path().join("damaged.wandb")).unwrap();
    bytes[30] ^= 1;
    std::fs::write(project.path().join("damaged.wandb"), bytes).unwrap();
    let ended = project.run(&["import", "wandb", "damaged.wandb"]);
    assert!(ended.code == 2 && ended.err.contains("damaged at byte 7"), "{}", ended.err);
    project.write("nothing/here.txt", "");
    assert_eq!(project.run(&["import", "wandb", "nothing"]).code, 2);
}

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    let project = Project::new();
    let server = Server::start(&project);
    ask(
        &server,
        "mutation { upsertBucket(input: {modelName: \"p\", name: \"r\", host: \"h\"}) { inserted } }",
    );
    for step in 0..20 {
        let line = json!({ "_step": step, "loss": step }).to_string();
        let body = json!({ "files": { "wandb-history.jsonl": { "offset": step, "content": [line] } } });
        post(&server, "/files/mainspring/p/r/file_stream", &body);
    }
    server.kill();
    let server = Server::start(&project);
    // The client did not hear of the last lines and sends them again.
    let lines: Vec<String> =
        (15..22).map(|step| json!({ "_step": step, "loss": step }).to_string()).collect();
    let body = json!({ "files": { "wandb-history.jsonl": { "offset": 15, "content": lines } } });
    post(&server, "/files/mainspring/p/r/file_stream", &body);
    let data = ask(&server, "{ project(name: \"p\") { run(name: \"r\") { id historyLineCount history } } }");
    let run = &data["project"]["run"];
    assert_eq!(run["historyLineCount"], 22);
    let id = run["id"].as_str().unwrap();
    let points = server.get(&format!("/api/2.0/mlflow/metrics/get-history?run_id={id}&metric_key=loss"));
    let steps: Vec<_> = points["metrics"].as_array().unwrap().iter().map(|point| &point["step"]).collect();
    assert_eq!(steps, (0..22).map(|step| json!(step)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
}
