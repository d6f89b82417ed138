//! Registered models, versions, stages and aliases.

use crate::{actor, at, change, on_both, pair, read};
use mainspring_domain::registry::{ModelVersion, RegisteredModel, Stage};
use mainspring_metadata_store::traits::search::Search;
use mainspring_metadata_store::{Result, StoreError, WriteTx};
use mainspring_test_support::TempStore;

on_both! {
    models_and_versions_are_kept
    a_new_name_goes_to_all_that_belongs_to_a_model
    what_belongs_to_a_model_goes_with_it
    numbers_are_given_once
    the_newest_of_each_stage
}

fn model(name: &str) -> RegisteredModel {
    RegisteredModel {
        name: name.into(),
        description: "described".into(),
        created: at(1),
        updated: at(2),
        tags: vec![pair("team", "a")],
        aliases: vec![],
    }
}

fn version(name: &str, version: u32, stage: Stage) -> ModelVersion {
    ModelVersion {
        name: name.into(),
        version,
        created: at(3),
        updated: at(i64::from(version)),
        stage,
        description: String::new(),
        source: "models:/m-1".into(),
        storage_location: "mlflow-artifacts:/0/models/m-1".into(),
        run_id: Some("r".into()),
        model_id: None,
        run_link: String::new(),
        user: "ada".into(),
        created_by: actor(),
        tags: vec![pair("k", "v")],
        aliases: vec![],
    }
}

fn fill(tx: &mut dyn WriteTx) -> Result<()> {
    tx.insert_registered_model(&model("flights"))?;
    for (number, stage) in
        [(1, Stage::Archived), (2, Stage::Production), (3, Stage::None), (4, Stage::Production)]
    {
        assert_eq!(tx.take_version_number("flights")?, number);
        tx.insert_model_version(&version("flights", number, stage))?;
    }
    tx.set_alias("flights", "champion", 2)?;
    tx.set_alias("flights", "best", 2)?;
    tx.set_alias("flights", "champion", 4)
}

async fn models_and_versions_are_kept(world: TempStore) {
    let store = world.store();
    change(&store, fill).await;
    let found = read(&store, |tx| tx.registered_model("flights")).await.unwrap();
    let aliases = vec![("best".to_owned(), 2), ("champion".to_owned(), 4)];
    assert_eq!(found, RegisteredModel { aliases, ..model("flights") });
    let found = read(&store, |tx| tx.model_version("flights", 2)).await.unwrap();
    let best = ModelVersion { aliases: vec!["best".into()], ..version("flights", 2, Stage::Production) };
    assert_eq!(found, best);
    assert_eq!(read(&store, |tx| tx.model_versions("flights")).await.len(), 4);
    assert_eq!(read(&store, |tx| tx.model_versions_of_run("r")).await.len(), 4);
    assert_eq!(read(&store, |tx| tx.alias("flights", "champion")).await, Some(4));
    assert_eq!(read(&store, |tx| tx.alias("flights", "none")).await, None);
    let gone = change(&store, |tx| {
        tx.update_registered_model(&RegisteredModel { description: "new".into(), ..model("flights") })?;
        tx.update_model_version(&ModelVersion {
            description: "better".into(),
            ..version("flights", 1, Stage::Staging)
        })?;
        tx.set_registered_model_tag("flights", &pair("team", "b"))?;
        tx.set_model_version_tag("flights", 1, &pair("k", "w"))?;
        tx.delete_model_version("flights", 3)?;
        Ok((
            tx.delete_alias("flights", "best")?,
            tx.delete_alias("flights", "best")?,
            tx.delete_registered_model_tag("flights", "team")?,
            tx.delete_model_version_tag("flights", 2, "k")?,
        ))
    })
    .await;
    assert_eq!(gone, (true, false, true, true));
    let found = read(&store, |tx| tx.registered_model("flights")).await.unwrap();
    assert_eq!((found.description.as_str(), found.tags.len()), ("new", 0));
    let found = read(&store, |tx| tx.model_version("flights", 1)).await.unwrap();
    assert_eq!((found.stage, found.tags), (Stage::Staging, vec![pair("k", "w")]));
    assert_eq!(read(&store, |tx| tx.model_version("flights", 3)).await, None);
}

async fn a_new_name_goes_to_all_that_belongs_to_a_model(world: TempStore) {
    let store = world.store();
    change(&store, |tx| {
        fill(tx)?;
        tx.rename_registered_model("flights", "delays")
    })
    .await;
    assert_eq!(read(&store, |tx| tx.registered_model("flights")).await, None);
    let found = read(&store, |tx| tx.registered_model("delays")).await.unwrap();
    assert_eq!((found.tags.len(), found.aliases.len()), (1, 2));
    let versions = read(&store, |tx| tx.model_versions("delays")).await;
    assert_eq!(versions.len(), 4);
    assert!(versions.iter().all(|version| version.tags.len() == 1));
    assert_eq!(read(&store, |tx| tx.alias("delays", "champion")).await, Some(4));
}

async fn what_belongs_to_a_model_goes_with_it(world: TempStore) {
    let store = world.store();
    change(&store, |tx| {
        fill(tx)?;
        tx.delete_registered_model("flights")
    })
    .await;
    assert_eq!(read(&store, |tx| tx.model_versions("flights")).await, []);
    assert_eq!(read(&store, |tx| tx.alias("flights", "champion")).await, None);
    let search = Search { limit: 10, ..Search::default() };
    assert_eq!(read(&store, move |tx| tx.search_model_versions(&search)).await, []);
}

async fn numbers_are_given_once(world: TempStore) {
    let store = world.store();
    let number = change(&store, |tx| {
        fill(tx)?;
        tx.delete_model_version("flights", 4)?;
        tx.take_version_number("flights")
    })
    .await;
    assert_eq!(number, 5);
    let unknown = store.write(actor(), |tx| tx.take_version_number("nobody")).await;
    assert!(matches!(unknown, Err(StoreError::NoRow)), "{unknown:?}");
}

async fn the_newest_of_each_stage(world: TempStore) {
    let store = world.store();
    change(&store, fill).await;
    let latest = read(&store, |tx| tx.latest_versions(&["flights", "nobody"])).await;
    let numbers: Vec<u32> = latest.iter().map(|version| version.version).collect();
    assert_eq!(numbers, [1, 3, 4]);
}
