//! Searches: conditions, order and pages.

use crate::{actor, on_both};
use mainspring_domain::events::Record;
use mainspring_domain::tracking::{Experiment, KeyValue, Lifecycle, Metric, RunInfo, RunStatus};
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::traits::search::{
    Attribute, Condition, Field, Operand, Operator, Search, SortKey, View,
};
use mainspring_metadata_store::{Result, Store, StoreError};
use mainspring_test_support::TempStore;

on_both! {
    conditions_select
    what_has_no_value_comes_last_in_both_directions
    a_metric_that_is_asked_for_gives_the_order
    pages_follow_each_other
    runs_are_found_by_the_task_attempt_that_made_them
}

/// Runs r0 to r4: `auc` 0, 1, 2, NaN and none; `kind` of the first four is a, B, a%, a.
async fn filled(world: &TempStore) -> Store {
    let store = world.store();
    store
        .write(actor(), |tx| {
            for number in 0..5_i32 {
                let id = format!("r{number}");
                tx.insert_run(&RunInfo {
                    id: id.clone(),
                    experiment: 0,
                    name: format!("Run {number}"),
                    user: String::new(),
                    status: RunStatus::Finished,
                    start: Timestamp::from_millis(i64::from(number)),
                    end: None,
                    lifecycle: Lifecycle::Active,
                    artifact_uri: String::new(),
                    created_by: Actor::task("dag", "run", "train", 1),
                })?;
                if number < 4 {
                    let value = if number == 3 { f64::NAN } else { f64::from(number) };
                    let auc =
                        Metric { key: "auc".into(), value, timestamp: Timestamp::from_millis(0), step: 0 };
                    assert_eq!(tx.insert_metric_points(&id, &[auc.clone(), auc.clone()])?, 1);
                    tx.raise_latest_metrics(&id, &[&auc])?;
                    let kind = ["a", "B", "a%", "a"][usize::try_from(number).unwrap()];
                    tx.set_run_tags(&id, &[KeyValue { key: "kind".into(), value: kind.into() }])?;
                }
            }
            tx.record(Record::new("run.created", "run:all"))?;
            Result::Ok(())
        })
        .await
        .unwrap();
    store
}

fn condition(field: Field, operator: Operator, operand: Operand) -> Condition {
    Condition { field, operator, operand, absent_differs: false }
}

async fn found(store: &Store, conditions: Vec<Condition>, order: Vec<SortKey>) -> String {
    let search = Search { conditions, order, limit: 10, ..Search::default() };
    let runs = store.read(move |tx| tx.search_runs(&[0], View::Active, &search)).await.unwrap();
    runs.iter().map(|run| run.info.id.trim_start_matches('r')).collect()
}

async fn conditions_select(world: TempStore) {
    let store = filled(&world).await;
    let auc = || Field::Metric("auc".into());
    let kind = || Field::Tag("kind".into());
    let name = || Field::Attribute(Attribute::Name);
    let text = |text: &str| Operand::Text(text.into());
    let cases = [
        (auc(), Operator::Greater, Operand::Number(0.5), "21"),
        (auc(), Operator::Equal, Operand::Number(0.0), "0"),
        (auc(), Operator::NotEqual, Operand::Number(1.0), "320"),
        (kind(), Operator::Equal, text("a"), "30"),
        (kind(), Operator::NotEqual, text("a"), "21"),
        (kind(), Operator::Like, text("A%"), ""),
        (kind(), Operator::ILike, text("b"), "1"),
        (kind(), Operator::Like, text("a_"), "2"),
        (kind(), Operator::IsNull, Operand::None, "4"),
        (kind(), Operator::IsNotNull, Operand::None, "3210"),
        (name(), Operator::Like, text("Run%"), "43210"),
        (name(), Operator::In, Operand::Texts(vec!["Run 1".into(), "x' OR 1".into()]), "1"),
        (Field::Attribute(Attribute::Start), Operator::LessOrEqual, Operand::Number(1.0), "10"),
        (Field::Param("x'; --".into()), Operator::Equal, text("y"), ""),
        (auc(), Operator::GreaterOrEqual, Operand::Number(1.0), "21"),
        (auc(), Operator::Less, Operand::Number(1.5), "10"),
        (auc(), Operator::LessOrEqual, Operand::Number(-0.5), ""),
        (auc(), Operator::IsNull, Operand::None, "4"),
        (kind(), Operator::Like, text("a\\%"), ""),
        (kind(), Operator::ILike, text("A_"), "2"),
        (kind(), Operator::NotIn, Operand::Texts(vec!["a".into()]), "21"),
        (kind(), Operator::Greater, text("B"), "320"),
        (name(), Operator::NotIn, Operand::Texts(vec!["Run 1".into(), "Run 2".into()]), "430"),
        (name(), Operator::IsNotNull, Operand::None, "43210"),
        (Field::Attribute(Attribute::End), Operator::IsNull, Operand::None, "43210"),
        (Field::Attribute(Attribute::Start), Operator::Greater, Operand::Number(2.5), "43"),
        (Field::Attribute(Attribute::Start), Operator::Less, Operand::Number(1e300), "43210"),
        (Field::Attribute(Attribute::Experiment), Operator::Equal, text("0"), "43210"),
        (Field::Attribute(Attribute::Experiment), Operator::In, Operand::Texts(vec!["1".into()]), ""),
        (Field::Attribute(Attribute::Status), Operator::NotEqual, text("FINISHED"), ""),
    ];
    for (field, operator, operand, expected) in cases {
        let case = format!("{field:?} {operator:?} {operand:?}");
        assert_eq!(
            found(&store, vec![condition(field, operator, operand)], vec![]).await,
            expected,
            "{case}"
        );
    }
    for (field, operand) in [
        (Field::Attribute(Attribute::Version), Operand::Number(1.0)),
        (name(), Operand::Number(1.0)),
        (name(), Operand::None),
    ] {
        let search = Search {
            conditions: vec![condition(field, Operator::Equal, operand)],
            limit: 1,
            ..Search::default()
        };
        let refused = store.read(move |tx| tx.search_runs(&[0], View::All, &search)).await;
        assert!(matches!(refused, Err(StoreError::Search(_))), "{refused:?}");
    }
    let mut unless_a = condition(kind(), Operator::NotEqual, text("a"));
    unless_a.absent_differs = true;
    assert_eq!(found(&store, vec![unless_a], vec![]).await, "421");
}

async fn what_has_no_value_comes_last_in_both_directions(world: TempStore) {
    let store = filled(&world).await;
    let by = |descending| vec![SortKey { field: Field::Metric("auc".into()), descending }];
    assert_eq!(found(&store, vec![], by(false)).await, "01234");
    assert_eq!(found(&store, vec![], by(true)).await, "21034");
    let by_tag = vec![SortKey { field: Field::Tag("kind".into()), descending: true }];
    assert_eq!(found(&store, vec![], by_tag).await, "23014");
}

async fn a_metric_that_is_asked_for_gives_the_order(world: TempStore) {
    let store = filled(&world).await;
    store
        .write(actor(), |tx| {
            let elsewhere = tx.next_experiment_id()?;
            let time = Timestamp::from_millis(0);
            tx.insert_experiment(&Experiment {
                id: elsewhere,
                workspace: mainspring_domain::workspaces::WorkspaceName::default(),
                name: "elsewhere".into(),
                artifact_location: String::new(),
                lifecycle: Lifecycle::Active,
                created: time,
                updated: time,
                tags: Vec::new(),
            })?;
            let run = tx.run_info("r0")?.unwrap();
            tx.insert_run(&RunInfo { id: "far".into(), experiment: elsewhere, ..run })?;
            let auc = Metric { key: "auc".into(), value: 9.0, timestamp: time, step: 0 };
            tx.insert_metric_points("far", std::slice::from_ref(&auc))?;
            tx.raise_latest_metrics("far", &[&auc])?;
            tx.bookkeeping();
            Result::Ok(())
        })
        .await
        .unwrap();
    let auc = || Field::Metric("auc".into());
    let kind = || Field::Tag("kind".into());
    let asked = |operator, number: f64| condition(auc(), operator, Operand::Number(number));
    let is_a = || condition(kind(), Operator::Equal, Operand::Text("a".into()));
    let by = |field, descending| SortKey { field, descending };
    for (conditions, order, expected) in [
        (vec![asked(Operator::GreaterOrEqual, 0.0)], vec![by(auc(), true)], "210"),
        (vec![asked(Operator::GreaterOrEqual, 0.0)], vec![by(auc(), false)], "012"),
        (vec![asked(Operator::Less, 2.0), asked(Operator::Greater, 0.0)], vec![by(auc(), true)], "1"),
        (vec![is_a(), asked(Operator::Less, 5.0)], vec![by(auc(), true)], "0"),
        (vec![asked(Operator::Less, 5.0), is_a()], vec![by(auc(), true), by(kind(), true)], "0"),
        // NaN differs from every number, and what differs is not sure to be a number.
        (vec![asked(Operator::NotEqual, 1.0)], vec![by(auc(), true)], "203"),
        // The order is that of something else first.
        (vec![asked(Operator::Less, 5.0)], vec![by(kind(), false), by(auc(), true)], "102"),
        (
            vec![asked(Operator::Less, 5.0)],
            vec![by(Field::Metric("loss".into()), true), by(auc(), true)],
            "210",
        ),
    ] {
        let case = format!("{conditions:?} {order:?}");
        assert_eq!(found(&store, conditions, order).await, expected, "{case}");
    }
}

async fn pages_follow_each_other(world: TempStore) {
    let store = filled(&world).await;
    let mut next = Some(0);
    let mut seen = Vec::new();
    while let Some(offset) = next {
        let search = Search { limit: 2, offset, ..Search::default() };
        let page = store
            .read(move |tx| search.page(|search| tx.search_runs(&[0], View::All, search)))
            .await
            .unwrap();
        seen.push(page.items.len());
        next = page.next;
    }
    assert_eq!(seen, [2, 2, 1]);
}

async fn runs_are_found_by_the_task_attempt_that_made_them(world: TempStore) {
    let store = filled(&world).await;
    let actor = Actor::task("dag", "run", "train", 1);
    let runs = store.read(move |tx| tx.runs_created_by(&actor)).await.unwrap();
    assert_eq!(runs.len(), 5);
}
