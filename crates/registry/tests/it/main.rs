//! The rules of the registry on a real store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mainspring_domain::registry::{ModelVersion, Stage};
use mainspring_domain::tracking::{KeyValue, Lifecycle, LoggedModel, LoggedModelStatus, RunInfo, RunStatus};
use mainspring_domain::webhooks::{SealedSecret, WebhookEvent, WebhookStatus};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_domain::{Actor, SystemClock, Timestamp};
use mainspring_metadata_store::{ReadTx, Store, WriteTx};
use mainspring_registry::aliases::ExpectedAlias;
use mainspring_registry::search::{self, Query};
use mainspring_registry::versions::{self, NewVersion};
use mainspring_registry::webhooks::{self, NewWebhook, WebhookChange};
use mainspring_registry::{Refusal, RegistryError, Result, aliases, models, set_alias, transition_stage};
use mainspring_test_support::new_store;
use std::sync::Arc;
use tempfile::TempDir;

struct Lab {
    _dir: TempDir,
    store: Store,
}

/// Lets nothing into production that carries the tag `bad`.
fn check(_: &dyn ReadTx, version: &ModelVersion, stage: Stage) -> std::result::Result<(), Refusal> {
    if stage == Stage::Production && version.tags.iter().any(|tag| tag.key == "bad") {
        return Err(Refusal { message: "auc 0.5 < 0.7".into(), hint: Some("Train again.".into()) });
    }
    Ok(())
}

impl Lab {
    /// A store with run `r`, its logged model `m-1` and the registered model `flights`.
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = new_store(dir.path(), Arc::new(SystemClock));
        let lab = Self { _dir: dir, store };
        lab.write(|tx| {
            let now = Timestamp::from_millis(1);
            tx.insert_run(&RunInfo {
                id: "r".into(),
                experiment: 0,
                name: "r".into(),
                user: String::new(),
                status: RunStatus::Running,
                start: now,
                end: None,
                lifecycle: Lifecycle::Active,
                artifact_uri: "mlflow-artifacts:/0/r/artifacts".into(),
                created_by: Actor::user("test"),
            })?;
            tx.insert_logged_model(&LoggedModel {
                id: "m-1".into(),
                experiment: 0,
                name: "model".into(),
                created: now,
                updated: now,
                artifact_uri: "mlflow-artifacts:/0/models/m-1/artifacts".into(),
                status: LoggedModelStatus::Ready,
                model_type: String::new(),
                source_run: Some("r".into()),
                lifecycle: Lifecycle::Active,
                params: vec![],
                tags: vec![],
            })?;
            models::create(tx, "flights", "", vec![])
        })
        .await
        .unwrap();
        lab
    }

    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut dyn WriteTx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store.write(Actor::user("test"), change).await
    }

    async fn register(&self, source: &str, run: Option<&str>, model: Option<&str>) -> Result<ModelVersion> {
        let new = NewVersion {
            name: "flights".into(),
            source: source.into(),
            run_id: run.map(Into::into),
            model_id: model.map(Into::into),
            ..NewVersion::default()
        };
        self.write(|tx| versions::create(tx, new)).await
    }

    async fn stages(&self) -> String {
        let versions = self.store.read(|tx| tx.model_versions("flights")).await.unwrap();
        versions.iter().map(|version| version.stage.as_str()).collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn a_source_gives_files_run_and_model() {
    let lab = Lab::new().await;
    let files = "mlflow-artifacts:/0/models/m-1/artifacts";
    for (source, run, model, storage, of_model) in [
        ("models:/m-1", None, Some("m-1"), files, Some("m-1")),
        ("runs:/r/model", Some("r"), None, files, Some("m-1")),
        ("runs:/r/old", Some("r"), None, "mlflow-artifacts:/0/r/artifacts/old", None),
        ("mlflow-artifacts:/0/r/artifacts/x", Some("r"), None, "mlflow-artifacts:/0/r/artifacts/x", None),
        ("models:/flights/1", None, None, files, Some("m-1")),
    ] {
        let version = lab.register(source, run, model).await.unwrap();
        assert_eq!(version.storage_location, storage, "{source}");
        assert_eq!(
            (version.run_id.as_deref(), version.model_id.as_deref()),
            (Some("r"), of_model),
            "{source}"
        );
    }
    let elsewhere = lab.register("s3://bucket/model", None, None).await.unwrap();
    assert_eq!((elsewhere.version, elsewhere.run_id), (6, None));
    let foreign = lab.register("runs:/kept-elsewhere/model", Some("kept-elsewhere"), None).await.unwrap();
    assert_eq!(
        foreign.storage_location, "runs:/kept-elsewhere/model",
        "a run of another server stays as it is"
    );
    let model: Result<_> = lab.store.read(|tx| Ok(tx.logged_model("m-1")?)).await;
    let tags = model.unwrap().unwrap().tags;
    let noted = tags.iter().find(|tag| tag.key == "mlflow.modelVersions").unwrap();
    let versions = [1, 2, 5].map(|version| format!("{{\"name\": \"flights\", \"version\": {version}}}"));
    assert_eq!(noted.value, format!("[{}]", versions.join(", ")));
}

#[tokio::test]
async fn the_run_of_a_version_is_that_of_its_logged_model() {
    let lab = Lab::new().await;
    let files = "mlflow-artifacts:/0/models/m-1/artifacts";
    for source in ["models:/m-1", files, "s3://bucket/model"] {
        let refused = lab.register(source, Some("another"), Some("m-1")).await;
        let Err(RegistryError::Invalid(text)) = refused else { panic!("{source}: {refused:?}") };
        assert!(text.contains("must identify the run of the logged model 'm-1'"), "{text}");
        lab.register(source, Some("r"), Some("m-1")).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_server_reads_belongs_to_the_run_or_model_whatever_its_scheme() {
    let lab = Lab::new().await;
    let register = |source: &str, run: Option<&str>, kept_here| {
        let run_id = run.map(Into::into);
        let new = NewVersion {
            name: "flights".into(),
            source: source.into(),
            run_id,
            kept_here,
            ..NewVersion::default()
        };
        lab.write(|tx| versions::create(tx, new))
    };
    lab.write(|tx| {
        let mut run = tx.run_info("r")?.unwrap();
        run.id = "s".into();
        run.artifact_uri = "s3://bucket/root/0/s/artifacts".into();
        tx.insert_run(&run)?;
        models::create(tx, "another", "", vec![])
    })
    .await
    .unwrap();
    register("s3://bucket/root/0/s/artifacts/model", Some("s"), true).await.unwrap();
    register("s3://bucket/other", None, false).await.unwrap();
    for (source, run) in [
        ("s3://bucket/root/0/s/artifacts/model", None),
        ("s3://bucket/root/0/s/artifacts/model", Some("r")),
        ("s3://bucket/root/1/t/artifacts/model", Some("s")),
        ("s3://bucket/root/0/s/artifacts2", Some("s")),
        ("s3://bucket/root/0/s/artifacts", Some("unknown")),
    ] {
        let refused = register(source, run, true).await;
        assert!(matches!(refused, Err(RegistryError::Invalid(_))), "{source}: {refused:?}");
    }
}

#[tokio::test]
async fn a_source_that_belongs_to_nothing_given_is_refused_and_takes_no_number() {
    let lab = Lab::new().await;
    for (source, run, model) in [
        ("/etc/passwd", None, None),
        ("file:///etc/passwd", Some("r"), None),
        ("models:/m-1", None, None),
        ("models:/m-2", None, Some("m-2")),
        ("models://host/m-1", None, Some("m-1")),
        ("runs:/other/model", Some("r"), None),
        ("runs:/r/model", None, None),
        ("mlflow-artifacts:/0/other/artifacts", Some("r"), None),
        ("mlflow-artifacts:/0/r/artifacts/../../x", Some("r"), None),
        ("mlflow-artifacts:/0/r/artifacts/%252e%252e/x", Some("r"), None),
        ("http://localhost:5000/api/2.0/mlflow-artifacts/artifacts/0/r", None, None),
        ("s3://bucket/../x", None, None),
        ("relative/path", Some("r"), None),
    ] {
        let refused = lab.register(source, run, model).await;
        assert!(matches!(refused, Err(RegistryError::Invalid(_))), "{source}: {refused:?}");
    }
    assert_eq!(lab.register("models:/m-1", None, Some("m-1")).await.unwrap().version, 1);
}

#[tokio::test]
async fn a_stage_is_taken_in_one_step_and_only_through_the_check() {
    let lab = Lab::new().await;
    for _ in 0..3 {
        lab.register("models:/m-1", None, Some("m-1")).await.unwrap();
    }
    let to = |version: u32, stage: Stage, archive: bool| {
        lab.write(move |tx| transition_stage(tx, &check, "flights", version, stage, archive))
    };
    to(1, Stage::Production, false).await.unwrap();
    to(2, Stage::Production, true).await.unwrap();
    assert_eq!(lab.stages().await, "Archived Production None");
    let bad = KeyValue { key: "bad".into(), value: String::new() };
    lab.write(move |tx| versions::set_tag(tx, "flights", 3, &bad)).await.unwrap();
    let refused = to(3, Stage::Production, true).await;
    assert!(matches!(refused, Err(RegistryError::Refused(_))), "{refused:?}");
    let refused = lab.write(|tx| set_alias(tx, &check, "flights", "champion", 3)).await;
    assert!(matches!(refused, Err(RegistryError::Refused(_))), "{refused:?}");
    lab.write(|tx| set_alias(tx, &check, "flights", "challenger", 3)).await.unwrap();
    assert_eq!(lab.stages().await, "Archived Production None");
    assert!(to(1, Stage::Archived, true).await.is_err(), "nothing is archived for an inactive stage");
    let trail = lab.store.read(|tx| tx.audit_entries("model:flights/1", 10)).await.unwrap();
    let [archived, produced, _] = trail.as_slice() else { panic!("{trail:?}") };
    assert_eq!(archived.event.reason.as_deref(), Some("version 2 takes the stage"));
    assert_eq!(produced.event.details["to"], "Production");
}

#[tokio::test]
async fn aliases_follow_their_version() {
    let lab = Lab::new().await;
    for _ in 0..2 {
        lab.register("models:/m-1", None, Some("m-1")).await.unwrap();
    }
    for (alias, message) in
        [("latest", "reserved"), ("v12", "reserved"), ("a/b", "alphanumerics"), ("", "empty")]
    {
        let error = lab.write(move |tx| set_alias(tx, &check, "flights", alias, 1)).await.unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    lab.write(|tx| set_alias(tx, &check, "flights", "champion", 1)).await.unwrap();
    lab.write(|tx| models::rename(tx, "flights", "planes")).await.unwrap();
    let found = lab.store.read(|tx| aliases::resolve(tx, "planes", "champion")).await.unwrap();
    assert_eq!((found.version, found.aliases), (1, vec!["champion".to_owned()]));
    let newest = lab.store.read(|tx| aliases::resolve(tx, "planes", "latest")).await.unwrap();
    assert_eq!(newest.version, 2);
    lab.write(|tx| versions::delete(tx, "planes", 1)).await.unwrap();
    let gone = lab.store.read(|tx| aliases::resolve(tx, "planes", "champion")).await;
    assert!(matches!(gone, Err(RegistryError::NoAlias(_))), "{gone:?}");
    lab.write(|tx| versions::delete(tx, "planes", 2)).await.unwrap();
    let next = lab.write(|tx| {
        let new = NewVersion { name: "planes".into(), source: "s3://b/x".into(), ..NewVersion::default() };
        versions::create(tx, new)
    });
    assert_eq!(next.await.unwrap().version, 3, "a number is not given twice");
}

#[tokio::test]
async fn prompts_are_found_only_by_who_asks_for_them() {
    let lab = Lab::new().await;
    lab.write(|tx| {
        let tag = KeyValue { key: "mlflow.prompt.is_prompt".into(), value: "true".into() };
        models::create(tx, "greeting", "", vec![tag])
    })
    .await
    .unwrap();
    for (filter, expected) in [
        ("", "flights"),
        ("tag.`mlflow.prompt.is_prompt` != 'true'", "flights"),
        ("tags.`mlflow.prompt.is_prompt` = 'true'", "greeting"),
        ("name LIKE 'fl%'", "flights"),
    ] {
        let query = Query { filter: filter.into(), limit: 10, ..Query::default() };
        let page = lab.store.read(move |tx| search::models(tx, &query)).await.unwrap();
        let names: Vec<_> = page.items.into_iter().map(|model| model.name).collect();
        assert_eq!(names, [expected], "{filter}");
    }
}

#[tokio::test]
async fn aliases_and_stages_change_only_from_what_is_expected() {
    let lab = Lab::new().await;
    for _ in 0..2 {
        lab.register("models:/m-1", None, Some("m-1")).await.unwrap();
    }
    let point = async |expected: ExpectedAlias, to: u32| {
        lab.write(move |tx| {
            aliases::expect_alias(tx, "flights", "best", expected)?;
            set_alias(tx, &check, "flights", "best", to)
        })
        .await
    };
    let conflict = |result: Result<()>| matches!(result, Err(RegistryError::Conflict(_)));
    assert!(conflict(point(ExpectedAlias::Version(1), 1).await));
    point(ExpectedAlias::Unset, 1).await.unwrap();
    assert!(conflict(point(ExpectedAlias::Unset, 2).await));
    point(ExpectedAlias::Version(1), 2).await.unwrap();
    assert!(conflict(point(ExpectedAlias::Version(1), 1).await), "somebody else was first");
    let expect = |stage| lab.write(move |tx| versions::expect_stage(tx, "flights", 1, stage));
    expect(Stage::None).await.unwrap();
    assert!(conflict(expect(Stage::Staging).await));
}

#[tokio::test]
async fn an_order_that_leaves_versions_equal_goes_on_by_name() {
    let lab = Lab::new().await;
    lab.write(|tx| models::create(tx, "another", "", vec![])).await.unwrap();
    lab.register("models:/m-1", None, Some("m-1")).await.unwrap();
    let new = NewVersion { name: "another".into(), source: "s3://b/x".into(), ..NewVersion::default() };
    lab.write(move |tx| versions::create(tx, new)).await.unwrap();
    let later = lab.write(|tx| versions::update(tx, "flights", 1, "changed last"));
    later.await.unwrap();
    let query = Query { order_by: vec!["version_number DESC".into()], limit: 10, ..Query::default() };
    let page = lab.store.read(move |tx| search::versions(tx, &query)).await.unwrap();
    let names: Vec<&str> = page.items.iter().map(|version| version.name.as_str()).collect();
    assert_eq!(names, ["another", "flights"]);
}

#[tokio::test]
async fn nothing_is_made_in_a_workspace_that_is_gone() {
    let lab = Lab::new().await;
    let closed = lab.store.within(WorkspaceName::parse("closed").unwrap());
    let webhook = NewWebhook {
        id: "late".into(),
        name: "late".into(),
        description: String::new(),
        url: "https://example.com/".into(),
        events: vec![WebhookEvent::parse("model_version.created").unwrap()],
        status: WebhookStatus::Active,
        secret: None,
    };
    let made = closed.write(Actor::user("test"), move |tx| webhooks::create(tx, webhook)).await;
    assert!(matches!(made, Err(RegistryError::NoWorkspace(_))));
    let made = closed.write(Actor::user("test"), |tx| models::create(tx, "closed:m", "", vec![])).await;
    assert!(matches!(made, Err(RegistryError::NoWorkspace(_))));
}

#[tokio::test]
async fn webhooks_are_checked_before_they_are_kept() {
    let lab = Lab::new().await;
    let event = WebhookEvent::parse("model_version.created").unwrap();
    let new = |name: &str| NewWebhook {
        id: name.to_owned(),
        name: name.to_owned(),
        description: String::new(),
        url: "https://example.com/".to_owned(),
        events: vec![event, event],
        status: WebhookStatus::Active,
        secret: Some(SealedSecret("v1:x".to_owned())),
    };
    for name in ["", "-a", "a_", "a b", &"x".repeat(64)] {
        let webhook = new(name);
        let refused = lab.write(move |tx| webhooks::create(tx, webhook)).await;
        assert!(matches!(refused, Err(RegistryError::Invalid(_))), "{name}");
    }
    let webhook = NewWebhook { events: vec![], ..new("empty") };
    assert!(lab.write(move |tx| webhooks::create(tx, webhook)).await.is_err());
    let webhook = new("Hook.1");
    let made = lab.write(move |tx| webhooks::create(tx, webhook)).await.unwrap();
    assert_eq!(made.events, [event], "an event counts once");
    let change = WebhookChange { name: Some("renamed".into()), ..WebhookChange::default() };
    let changed = lab.write(move |tx| webhooks::update(tx, "Hook.1", change)).await.unwrap();
    assert!(changed.updated > made.updated && changed.secret == made.secret);
    let change = WebhookChange { secret: Some(None), ..WebhookChange::default() };
    assert_eq!(lab.write(move |tx| webhooks::update(tx, "Hook.1", change)).await.unwrap().secret, None);
    lab.write(|tx| webhooks::delete(tx, "Hook.1")).await.unwrap();
    let gone = lab.write(|tx| webhooks::delete(tx, "Hook.1")).await;
    assert!(matches!(gone, Err(RegistryError::NoWebhook(_))));
}
