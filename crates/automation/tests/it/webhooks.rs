//! Webhooks from a change in the registry to a receiver, over a real socket.

use crate::project::{Project, until};
use mainspring_domain::tracking::KeyValue;
use mainspring_domain::webhooks::{WebhookEvent, WebhookStatus};
use mainspring_domain::workspaces::{Workspace, WorkspaceName};
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::WriteTx;
use mainspring_registry::versions::NewVersion;
use mainspring_registry::webhooks::{self, NewWebhook, WebhookChange};
use mainspring_registry::{RegistryError, aliases, models, versions};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a receiver got.
#[derive(Clone, Debug, Default)]
struct Message {
    headers: Vec<(String, String)>,
    body: String,
}

impl Message {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A small HTTP server that answers with the given statuses, then with 200.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?key=in-the-address", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let mut answers: VecDeque<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        let list = Arc::clone(&got);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut message, mut line) = (Message::default(), String::new());
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some((name, value)) = line.split_once(": ") {
                        message.headers.push((name.to_owned(), value.trim().to_owned()));
                    }
                    line.clear();
                }
                let length: usize = message.header("content-length").parse().unwrap();
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                message.body = String::from_utf8(body).unwrap();
                list.lock().unwrap().push(message);
                let answer = answers.pop_front().unwrap_or_else(|| "200 OK".to_owned());
                let head = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
            }
        });
        Self { url, got }
    }

    fn got(&self) -> Vec<Message> {
        self.got.lock().unwrap().clone()
    }

    async fn until(&self, count: usize) -> Vec<Message> {
        until(&format!("{count} messages"), async || self.got().len() >= count).await;
        self.got()
    }
}

const HOOK: &str = "hook-1";

async fn change<T: Send + 'static>(
    project: &Project,
    change: impl FnOnce(&mut dyn WriteTx) -> Result<T, RegistryError> + Send + 'static,
) -> T {
    project.store().write(Actor::user("ada"), change).await.unwrap()
}

async fn hook(project: &Project, url: &str, events: &[&str], with_secret: bool) {
    let secret = with_secret.then(|| project.seal(HOOK, "top secret"));
    let new = NewWebhook {
        id: HOOK.to_owned(),
        name: "hook".to_owned(),
        description: String::new(),
        url: url.to_owned(),
        events: events.iter().map(|event| WebhookEvent::parse(event).unwrap()).collect(),
        status: WebhookStatus::Active,
        secret,
    };
    change(project, |tx| webhooks::create(tx, new)).await;
}

fn tag(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: value.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_told_as_it_was_signed_and_once() {
    let project = Project::started().await;
    let receiver = Receiver::start(&[]);
    let events = [
        "registered_model.created",
        "model_version.created",
        "model_version_tag.set",
        "model_version_tag.deleted",
        "model_version_alias.created",
        "model_version_alias.deleted",
        "prompt.created",
        "prompt_version.created",
        "prompt_tag.set",
        "prompt_alias.created",
    ];
    hook(&project, &receiver.url, &events, true).await;
    change(&project, |tx| models::create(tx, "m", "what it is", vec![tag("k", "v")])).await;
    receiver.until(1).await;
    let new = NewVersion { name: "m".into(), source: "s3://b/x".into(), ..NewVersion::default() };
    change(&project, |tx| versions::create(tx, new)).await;
    receiver.until(2).await;
    change(&project, |tx| versions::set_tag(tx, "m", 1, &tag("a", "b"))).await;
    receiver.until(3).await;
    change(&project, |tx| versions::delete_tag(tx, "m", 1, "a")).await;
    receiver.until(4).await;
    change(&project, |tx| aliases::set_alias(tx, &|_, _, _| Ok(()), "m", "best", 1)).await;
    receiver.until(5).await;
    change(&project, |tx| aliases::delete_alias(tx, "m", "best")).await;
    receiver.until(6).await;
    // Nobody asked for tags of models, or for changes of stage.
    change(&project, |tx| models::set_tag(tx, "m", &tag("x", "y"))).await;
    let prompt = || tag("mlflow.prompt.is_prompt", "true");
    change(&project, move |tx| models::create(tx, "p", "", vec![prompt(), tag("team", "ml")])).await;
    receiver.until(7).await;
    let new = NewVersion {
        name: "p".into(),
        source: "dummy-source".into(),
        tags: vec![prompt(), tag("mlflow.prompt.text", "Hello {{name}}!"), tag("t", "1")],
        ..NewVersion::default()
    };
    change(&project, |tx| versions::create(tx, new)).await;
    receiver.until(8).await;
    change(&project, |tx| models::set_tag(tx, "p", &tag("x", "y"))).await;
    receiver.until(9).await;
    change(&project, |tx| aliases::set_alias(tx, &|_, _, _| Ok(()), "p", "best", 1)).await;
    let got = receiver.until(10).await;
    let told: Vec<Value> = got
        .iter()
        .map(|message| {
            let message = message.json();
            json!([message["entity"], message["action"], message["data"]])
        })
        .collect();
    let expected = json!([
        ["registered_model", "created", { "name": "m", "tags": { "k": "v" }, "description": "what it is" }],
        ["model_version", "created", {
            "name": "m", "version": "1", "source": "s3://b/x", "run_id": null, "tags": {}, "description": null,
        }],
        ["model_version_tag", "set", { "name": "m", "version": "1", "key": "a", "value": "b" }],
        ["model_version_tag", "deleted", { "name": "m", "version": "1", "key": "a" }],
        ["model_version_alias", "created", { "name": "m", "alias": "best", "version": "1" }],
        ["model_version_alias", "deleted", { "name": "m", "alias": "best" }],
        ["prompt", "created", { "name": "p", "tags": { "team": "ml" }, "description": "" }],
        ["prompt_version", "created", {
            "name": "p", "version": "1", "template": "Hello {{name}}!", "tags": { "t": "1" },
            "description": null,
        }],
        ["prompt_tag", "set", { "name": "p", "key": "x", "value": "y" }],
        ["prompt_alias", "created", { "name": "p", "alias": "best", "version": "1" }],
    ]);
    assert_eq!(json!(told), expected);
    for message in &got {
        assert_eq!(message.header("content-type"), "application/json");
        let (id, time) = (message.header("x-mlflow-delivery-id"), message.header("x-mlflow-timestamp"));
        assert_eq!((id.len(), time), (36, "1767225600"));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"top secret");
        let text = format!("{id}.{time}.{}", message.body);
        let expected = base64(ring::hmac::sign(&key, text.as_bytes()).as_ref());
        assert_eq!(message.header("x-mlflow-signature"), format!("v1,{expected}"));
    }
    // Neither the secret nor the address is in the trail.
    let trail = project.read(|tx| tx.audit_entries("", 500)).await;
    let trail = serde_json::to_string(&trail).unwrap();
    assert!(trail.contains("webhook.created") && !trail.contains("top secret"));
    assert!(!trail.contains("in-the-address"));
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_in_trouble_is_asked_again_also_after_a_restart() {
    let mut project = Project::started().await;
    let receiver = Receiver::start(&["503 Busy", "500 Broken"]);
    hook(&project, &receiver.url, &["registered_model.created"], false).await;
    change(&project, |tx| models::create(tx, "m", "", Vec::new())).await;
    receiver.until(1).await;
    // The pause is not over as long as the clock stands still; a restart does not shorten it.
    let noted = async |project: &Project, tries: u32| {
        let due = project.read(|tx| tx.due_deliveries(tx_end(), 5)).await;
        due.first().is_some_and(|one| one.tries == tries)
    };
    until("the first failure to be noted", async || noted(&project, 1).await).await;
    project.restart().await;
    assert_eq!(receiver.got().len(), 1);
    project.clock.advance(Duration::from_secs(1));
    receiver.until(2).await;
    // The pause is counted from the time at which the failure is noted.
    until("the second failure to be noted", async || noted(&project, 2).await).await;
    project.clock.advance(Duration::from_secs(2));
    let got = receiver.until(3).await;
    let ids: Vec<&str> = got.iter().map(|message| message.header("x-mlflow-delivery-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the same message: {ids:?}");
    assert_eq!(got[0].body, got[2].body);
    assert_eq!(got[0].header("x-mlflow-signature"), "", "without a secret nothing is signed");
    until("the queue to be empty", async || project.read(|tx| tx.waiting_deliveries(HOOK)).await == 0).await;
    assert!(project.events("webhook.failed").await.is_empty());
}

fn tx_end() -> mainspring_domain::Timestamp {
    mainspring_domain::Timestamp::from_millis(i64::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_delivered_is_given_up_and_noted() {
    let project = Project::started().await;
    let receiver = Receiver::start(&["400 No", "302 Elsewhere"]);
    hook(&project, &receiver.url, &["registered_model.created"], false).await;
    let failures = async |count: usize| {
        until("the failure", async || project.events("webhook.failed").await.len() == count).await;
        let failed = project.events("webhook.failed").await;
        let last = failed.last().unwrap();
        (last.reason.clone().unwrap(), last.details["tries"].clone())
    };
    change(&project, |tx| models::create(tx, "a", "", Vec::new())).await;
    assert_eq!(failures(1).await, ("HTTP 400".to_owned(), json!(1)));
    change(&project, |tx| models::create(tx, "b", "", Vec::new())).await;
    assert_eq!(failures(2).await, ("HTTP 302".to_owned(), json!(1)), "redirects are not followed");
    // A secret that this server cannot open is not sent without.
    let alien = Some(Some(project.seal("another", "x")));
    let to = WebhookChange { secret: alien, ..WebhookChange::default() };
    change(&project, |tx| webhooks::update(tx, HOOK, to)).await;
    change(&project, |tx| models::create(tx, "c", "", Vec::new())).await;
    assert!(failures(3).await.0.contains("sealed with another key"));
    // Disabled, it is not called at all; deleted neither.
    let off = WebhookChange { status: Some(WebhookStatus::Disabled), ..WebhookChange::default() };
    change(&project, |tx| webhooks::update(tx, HOOK, off)).await;
    change(&project, |tx| models::create(tx, "d", "", Vec::new())).await;
    change(&project, |tx| webhooks::delete(tx, HOOK)).await;
    assert_eq!(receiver.got().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_does_not_call_itself_or_its_neighbours() {
    let mut project = Project::new();
    project.inner_receivers = false;
    project.start().await;
    let receiver = Receiver::start(&[]);
    let by_name = receiver.url.replace("127.0.0.1", "localhost");
    hook(&project, &by_name, &["registered_model.created"], false).await;
    change(&project, |tx| models::create(tx, "m", "", Vec::new())).await;
    until("the refusal", async || !project.events("webhook.failed").await.is_empty()).await;
    let failed = project.events("webhook.failed").await;
    let reason = failed[0].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("must not resolve to a non-public IP address"), "{reason}");
    assert!(receiver.got().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_answers_holds_up_nobody() {
    let project = Project::started().await;
    // It takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    hook(&project, &url, &["registered_model.created"], false).await;
    let receiver = Receiver::start(&[]);
    let other = NewWebhook {
        id: "hook-2".to_owned(),
        name: "other".to_owned(),
        description: String::new(),
        url: receiver.url.clone(),
        events: vec![WebhookEvent::parse("registered_model.created").unwrap()],
        status: WebhookStatus::Active,
        secret: None,
    };
    change(&project, |tx| webhooks::create(tx, other)).await;
    for number in 0..1010 {
        let name = format!("m{number}");
        change(&project, move |tx| models::create(tx, &name, "", Vec::new())).await;
    }
    receiver.until(3).await;
    until("all to be queued", async || {
        project.read(|tx| tx.cursor("loop")).await
            >= project.events("model.registered").await.last().unwrap().seq
    })
    .await;
    // What waits for it has a bound.
    assert_eq!(project.read(|tx| tx.waiting_deliveries(HOOK)).await, 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_tells_of_its_own_models_as_its_clients_name_them() {
    let project = Project::started().await;
    let receiver = Receiver::start(&[]);
    let team = WorkspaceName::parse("team-a").unwrap();
    let made = Workspace {
        name: team.clone(),
        description: None,
        artifact_root: None,
        created: Timestamp::default(),
        updated: Timestamp::default(),
    };
    change(&project, move |tx| {
        tx.bookkeeping();
        Ok(tx.insert_workspace(&made)?)
    })
    .await;
    let within = project.store().within(team);
    let new = NewWebhook {
        id: HOOK.to_owned(),
        name: "hook".to_owned(),
        description: String::new(),
        url: receiver.url.clone(),
        events: vec![WebhookEvent::parse("model_version.created").unwrap()],
        status: WebhookStatus::Active,
        secret: None,
    };
    within.write(Actor::user("ada"), |tx| webhooks::create(tx, new)).await.unwrap();
    assert_eq!(project.store().read(|tx| tx.webhooks(9, 0)).await.unwrap().len(), 1);
    let default = project.store().within(WorkspaceName::default());
    assert_eq!(default.read(|tx| tx.webhooks(9, 0)).await.unwrap().len(), 0);
    for (store, name) in [(default, "theirs"), (within, "team-a:ours")] {
        let version = NewVersion { name: name.into(), source: "s3://b/x".into(), ..NewVersion::default() };
        let register = move |tx: &mut dyn WriteTx| {
            models::create(tx, name, "", vec![])?;
            versions::create(tx, version)
        };
        store.write(Actor::user("ada"), register).await.unwrap();
    }
    // A message is put into the queue with the bookmark of its event, and leaves it once it was taken.
    let last = project.events("model_version.created").await.last().unwrap().seq;
    until("all to be told", async || {
        let (read, waiting) = project.read(|tx| Ok((tx.cursor("loop")?, tx.waiting_deliveries(HOOK)?))).await;
        read >= last && waiting == 0
    })
    .await;
    let told: Vec<Value> = receiver.got().iter().map(|message| message.json()["data"].clone()).collect();
    let told: Vec<_> = told.iter().map(|data| (&data["name"], &data["version"])).collect();
    assert_eq!(told, [(&json!("ours"), &json!("1"))], "the other model is not of this workspace");
}
