//! What only PostgreSQL brings: several servers, connections that are lost, texts it cannot hold.

use crate::proxy::{Cut, Proxy};
use crate::{actor, add_recorded, at, change, on_postgres, pair, read, run_info};
use mainspring_domain::SystemClock;
use mainspring_domain::tracking::Metric;
use mainspring_metadata_store::{Backend, PostgresAddress, Result, Store, StoreError, verify_audit};
use mainspring_test_support::{PostgresSchema, TempStore};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(backend: Backend) -> TempStore {
    TempStore::on(backend, Arc::new(SystemClock))
}

/// Two stores on one database, and a third way to it.
async fn two() -> Option<(TempStore, TempStore, PostgresSchema, Client)> {
    let schema = PostgresSchema::new()?;
    let (first, second) = (open(schema.backend()), open(schema.backend()));
    let uri = schema.uri.split("&application_name").next().unwrap();
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.unwrap();
    tokio::spawn(connection);
    Some((first, second, schema, client))
}

/// Ends all sessions of the stores in a schema.
async fn end_sessions(client: &Client, schema: &PostgresSchema) -> u64 {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    client.execute(sql, &[&schema.name]).await.unwrap()
}

async fn write(store: &Store, name: String) -> Result<i64> {
    store.write(actor(), move |tx| add_recorded(tx, &name)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_write_one_unbroken_trail() {
    let Some((first, second, schema, client)) = two().await else { return };
    let mut writers = Vec::new();
    for number in 0..200 {
        let store = if number % 2 == 0 { first.store() } else { second.store() };
        writers.push(tokio::spawn(async move { write(&store, format!("e{number}")).await }));
    }
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    let verdict = verify_audit(&schema.backend(), first.path()).unwrap();
    assert_eq!((verdict.entries, verdict.first_bad), (200, None));
    let ids = client.query_one("SELECT COUNT(*), COUNT(DISTINCT id) FROM experiments", &[]).await.unwrap();
    assert_eq!((ids.get::<_, i64>(0), ids.get::<_, i64>(1)), (201, 201));
    for (sql, place) in [
        ("UPDATE audit SET actor = 'user:mallory' WHERE seq = 150", 150),
        ("UPDATE audit SET details = '{}' WHERE seq = 20", 20),
    ] {
        client.batch_execute(sql).await.unwrap();
        let verdict = verify_audit(&schema.backend(), first.path()).unwrap();
        assert_eq!(verdict.first_bad.map(|(seq, _)| seq), Some(place), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_one_server_is_seen_and_heard_by_the_other() {
    let Some((first, second, schema, client)) = two().await else { return };
    let (one, other) = (first.store(), second.store());
    let mut changes = other.changes();
    write(&one, "first".into()).await.unwrap();
    assert!(read(&other, |tx| tx.experiment_by_name("first")).await.is_some());
    tokio::time::timeout(PATIENCE, changes.wait_for(|seq| *seq == 1)).await.unwrap().unwrap();
    // What is committed while nobody hears is heard of later.
    end_sessions(&client, &schema).await;
    write(&one, "second".into()).await.unwrap();
    tokio::time::timeout(PATIENCE, changes.wait_for(|seq| *seq == 2)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_replaced() {
    let Some((world, _second, schema, client)) = two().await else { return };
    let store = world.store();
    write(&store, "before".into()).await.unwrap();
    for round in 0..3 {
        assert!(read(&store, |tx| tx.experiment_by_name("before")).await.is_some());
        assert!(end_sessions(&client, &schema).await > 0);
        write(&store, format!("after {round}")).await.unwrap();
        end_sessions(&client, &schema).await;
        assert!(read(&store, |tx| tx.experiment_by_name("before")).await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_within_a_change_takes_it_along() {
    let Some((world, _second, schema, client)) = two().await else { return };
    let store = world.store();
    let (reached, wait) = std::sync::mpsc::channel();
    let (go, told) = std::sync::mpsc::channel::<()>();
    let changing = store.clone();
    let changing = tokio::spawn(async move {
        let change = move |tx: &mut dyn mainspring_metadata_store::WriteTx| {
            add_recorded(tx, "half")?;
            reached.send(()).unwrap();
            told.recv().unwrap();
            add_recorded(tx, "whole")
        };
        changing.write(actor(), change).await
    });
    tokio::task::spawn_blocking(move || wait.recv().unwrap()).await.unwrap();
    end_sessions(&client, &schema).await;
    go.send(()).unwrap();
    let outcome = changing.await.unwrap();
    assert!(matches!(outcome, Err(StoreError::NotWritten(_))), "{outcome:?}");
    assert!(read(&store, |tx| tx.experiment_by_name("half")).await.is_none());
    write(&store, "next".into()).await.unwrap();
    let verdict = verify_audit(&schema.backend(), world.path()).unwrap();
    assert_eq!((verdict.entries, verdict.first_bad), (1, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_an_answer_is_an_error_and_is_not_repeated() {
    for (cut, stands) in [(Cut::BeforeCommit, false), (Cut::AfterCommit, true)] {
        let Some(schema) = PostgresSchema::new() else { return };
        let uri = schema.uri.replace("postgres://", "postgresql://");
        let server = uri.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
        let proxy = Proxy::start(server.clone(), cut);
        let through = uri.replace(&server, &proxy.address.to_string());
        let world = open(Backend::Postgres(PostgresAddress::parse(&through).unwrap()));
        let store = world.store();
        write(&store, "before".into()).await.unwrap();
        proxy.arm();
        let outcome = write(&store, "doubtful".into()).await;
        assert!(matches!(outcome, Err(StoreError::Unknown(_))), "{outcome:?}");
        write(&store, "after".into()).await.unwrap();
        let there = read(&store, |tx| tx.experiment_by_name("doubtful")).await.is_some();
        assert_eq!(there, stands, "{cut:?}");
        let verdict = verify_audit(&schema.backend(), world.path()).unwrap();
        assert_eq!((verdict.entries, verdict.first_bad), (2 + u64::from(stands), None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_cannot_be_held_is_the_callers_mistake() {
    let Some(world) = on_postgres() else { return };
    let store = world.store();
    let outcome = write(&store, "nul \0".into()).await;
    assert!(matches!(outcome, Err(StoreError::Unstorable(_))), "{outcome:?}");
    let asked = store.read(|tx| tx.experiment_by_name("nul \0")).await;
    assert!(matches!(asked, Err(StoreError::Unstorable(_))), "{asked:?}");
    let listed = store.read(|tx| tx.latest_versions(&["nul \0"])).await;
    assert!(matches!(listed, Err(StoreError::Unstorable(_))), "{listed:?}");
    let many = change(&store, |tx| {
        tx.insert_run(&run_info("r"))?;
        Ok(matches!(tx.set_run_tags("r", &[pair("a", "\0")]), Err(StoreError::Unstorable(_))))
    });
    assert!(many.await, "and the change may go on");
    assert!(read(&store, |tx| tx.run_info("r")).await.is_some());
    let long: String =
        (0..40_000_u32).map(|n| char::from_u32(n * 7919 % 50_000 + 100).unwrap_or('x')).collect();
    let outcome = write(&store, long).await;
    assert!(matches!(outcome, Err(StoreError::Unstorable(_))), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_goes_on_after_a_failed_statement_is_undone() {
    let Some(world) = on_postgres() else { return };
    let store = world.store();
    let (bad, good) = tokio::join!(
        store.write(actor(), |tx| {
            let id = add_recorded(tx, "one")?;
            let _ = add_recorded(tx, "one");
            Result::Ok(id)
        }),
        store.write(actor(), |tx| add_recorded(tx, "two")),
    );
    assert!(matches!(bad, Err(StoreError::Abandoned)), "{bad:?}");
    good.unwrap();
    let names = read(&store, |tx| Ok((tx.experiment_by_name("one")?, tx.experiment_by_name("two")?))).await;
    assert!(names.0.is_none() && names.1.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_see_one_state_throughout() {
    let Some((first, second, _schema, _client)) = two().await else { return };
    let (reader, writer) = (first.store(), second.store());
    let (reached, wait) = std::sync::mpsc::channel();
    let (go, told) = std::sync::mpsc::channel::<()>();
    let reading = tokio::spawn(async move {
        reader
            .read(move |tx| {
                let before = tx.experiment_by_name("between")?;
                reached.send(()).unwrap();
                told.recv().unwrap();
                Result::Ok((before, tx.experiment_by_name("between")?))
            })
            .await
    });
    tokio::task::spawn_blocking(move || wait.recv().unwrap()).await.unwrap();
    write(&writer, "between".into()).await.unwrap();
    go.send(()).unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_leads_and_another_follows_it() {
    let Some((first, second, schema, client)) = two().await else { return };
    let mut leads = first.store().leadership().unwrap();
    assert!(*leads.borrow());
    let mut follows = second.store().leadership().unwrap();
    assert!(!*follows.borrow());
    // The lead goes with its session, to one of the two.
    end_sessions(&client, &schema).await;
    tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            lead = leads.changed() => lead.unwrap(),
            lead = follows.changed() => lead.unwrap(),
        }
    })
    .await
    .unwrap();
    // Who asks no more gives it up.
    drop(leads);
    tokio::time::timeout(PATIENCE, follows.wait_for(|leads| *leads)).await.unwrap().unwrap();
    assert!(*crate::on_sqlite().store().leadership().unwrap().borrow(), "alone, one always leads");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_and_newer_databases_are_left_alone() {
    let Some((first, _second, schema, client)) = two().await else { return };
    client.batch_execute("INSERT INTO mainspring_schema VALUES (9999)").await.unwrap();
    let newer = Store::open_on(schema.backend(), &first.path().join("other"), Arc::new(SystemClock));
    assert!(matches!(newer, Err(StoreError::TooNew { found: 9999, .. })), "{newer:?}");
    client.batch_execute("DROP TABLE mainspring_schema").await.unwrap();
    let foreign = Store::open_on(schema.backend(), &first.path().join("other"), Arc::new(SystemClock));
    assert!(matches!(foreign, Err(StoreError::Unusable(_))), "{foreign:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_have_the_same_tables_and_columns() {
    let Some((_first, _second, schema, client)) = two().await else { return };
    let world = crate::on_sqlite();
    let sqlite = rusqlite::Connection::open(world.path().join("mainspring.db")).unwrap();
    let mut columns = sqlite
        .prepare(
            "SELECT t.name || '.' || c.name || (CASE c.\"notnull\" WHEN 1 THEN '' ELSE '?' END)
             FROM sqlite_schema t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND c.pk = 0",
        )
        .unwrap();
    let mut ours: Vec<String> =
        columns.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
    ours.sort();
    let rows = client
        .query(
            "SELECT c.table_name || '.' || c.column_name || (CASE c.is_nullable WHEN 'NO' THEN '' ELSE '?' END)
             FROM information_schema.columns c
             WHERE c.table_schema = $1 AND c.table_name <> 'mainspring_schema' AND NOT EXISTS (
                 SELECT 1 FROM information_schema.table_constraints k
                 JOIN information_schema.key_column_usage u USING (constraint_schema, constraint_name)
                 WHERE k.constraint_type = 'PRIMARY KEY' AND k.table_schema = c.table_schema
                   AND u.table_name = c.table_name AND u.column_name = c.column_name)",
            &[&schema.name],
        )
        .await
        .unwrap();
    let mut theirs: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    theirs.sort();
    assert_eq!(theirs, ours);
    let indexes: i64 = sqlite
        .query_row("SELECT COUNT(*) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL", [], |row| {
            row.get(0)
        })
        .unwrap();
    let sql = "SELECT COUNT(*) FROM pg_indexes WHERE schemaname = $1 AND indexname NOT LIKE '%\\_pkey'
               AND indexname NOT LIKE '%\\_key'";
    assert_eq!(client.query_one(sql, &[&schema.name]).await.unwrap().get::<_, i64>(0), indexes);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_points_go_in_together_and_come_back() {
    let Some(world) = on_postgres() else { return };
    let store = world.store();
    let point = |step: i64| Metric { key: format!("k{}", step % 3), value: 0.5, timestamp: at(step), step };
    let added = change(&store, move |tx| {
        tx.insert_run(&run_info("r"))?;
        tx.insert_metric_points("r", &(0..3000).map(point).collect::<Vec<_>>())
    })
    .await;
    assert_eq!(added, 3000);
    let back = read(&store, |tx| tx.metric_history("r", "k1", 5000, 0)).await;
    assert_eq!(back.len(), 1000);
    assert_eq!(back[999], point(2998));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_server_must_show_a_certificate_that_is_trusted() {
    let Some(schema) = PostgresSchema::new() else { return };
    let Ok(authority) = std::env::var("MAINSPRING_TEST_POSTGRES_CA") else {
        println!(
            "skipped: set MAINSPRING_TEST_POSTGRES_CA to the certificate of the test server's authority"
        );
        return;
    };
    let at = |encryption: &str| {
        let uri = format!("{}&{encryption}", schema.uri);
        Backend::Postgres(PostgresAddress::parse(&uri).unwrap())
    };
    let world = open(at(&format!("sslmode=verify-full&sslrootcert={authority}")));
    write(&world.store(), "over tls".into()).await.unwrap();
    assert!(read(&world.store(), |tx| tx.experiment_by_name("over tls")).await.is_some());
    let uri = schema.uri.split("&application_name").next().unwrap();
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "SELECT COUNT(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = $1 AND ssl";
    let encrypted: i64 = client.query_one(sql, &[&schema.name]).await.unwrap().get(0);
    assert!(encrypted > 1, "{encrypted}");
    // The authorities of this machine do not know the test's.
    if PostgresAddress::parse(&format!("{}&sslmode=require", schema.uri)).is_ok() {
        let other = Store::open_on(at("sslmode=require"), &world.path().join("x"), Arc::new(SystemClock));
        assert!(matches!(other, Err(StoreError::Unavailable(_))), "{other:?}");
    }
}
