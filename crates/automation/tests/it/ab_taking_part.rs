//! Who takes part in running tests: name spaces, holdouts, ramps and targeting, as their files say it.

use crate::ab::{PLAN, arm, change, create, file, testing};
use crate::project::{MODEL, Project};
use mainspring_automation::ab::{AbTests, Asked};
use mainspring_serving::{Caller, Rows};
use serde_json::{Value, json};
use std::time::Duration;

/// Which of so many units take part in a test of this name, asked for one by one.
async fn taking_part(project: &Project, name: &'static str, units: u32) -> Vec<bool> {
    change(project, move |tx| {
        let ask = |unit: u32| {
            let asked = Asked { unit: format!("u{unit}"), ..Asked::default() };
            Ok(AbTests::assign(tx, name, &asked)?.arm.is_some())
        };
        (0..units).map(ask).collect()
    })
    .await
    .unwrap()
}

/// Starts a test of this name of two arms elsewhere.
async fn start(project: &Project, name: &'static str, assignment: &str) {
    let text = format!(
        "name: {name}\narms: [{{name: a}}, {{name: b}}]\nmetrics: {{paid: {{event: paid}}}}\n\
         goals: [{{metric: paid, better: higher}}]\nplan: {{planned_units: 9000, look_every: 1h}}\n\
         assignment: {assignment}\n"
    );
    create(project, text).await.unwrap();
    change(project, move |tx| AbTests::start(tx, name)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_of_a_name_space_exclude_each_other_and_a_holdout_keeps_the_same_units_out() {
    let project = Project::started().await;
    let holdout = "holdout: {seed: 2026, share: 0.2}";
    start(&project, "left", &format!("{{namespace: {{name: n, low: 0, high: 0.4}}, {holdout}}}")).await;
    start(&project, "right", &format!("{{namespace: {{name: n, low: 0.4, high: 1}}, {holdout}}}")).await;
    start(&project, "free", &format!("{{{holdout}}}")).await;
    start(&project, "open", "{namespace: {name: n, low: 0.4, high: 1}}").await;
    let [left, right, free, open] = [
        taking_part(&project, "left", 1000).await,
        taking_part(&project, "right", 1000).await,
        taking_part(&project, "free", 1000).await,
        taking_part(&project, "open", 1000).await,
    ];
    let count = |of: &[bool]| of.iter().filter(|inside| **inside).count();
    for unit in 0..1000 {
        assert!(!(left[unit] && right[unit]), "u{unit} is in both");
        assert_eq!(left[unit] || right[unit], free[unit], "u{unit} is held out of all or of none");
        assert_eq!(right[unit], open[unit] && free[unit], "u{unit}");
    }
    let (left, right, held) = (count(&left), count(&right), 1000 - count(&free));
    assert!((160..240).contains(&held), "{held}");
    assert!((270..370).contains(&left) && (430..530).contains(&right), "{left} {right}");
    assert!((550..650).contains(&count(&open)), "{}", count(&open));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ramp_lets_more_units_in_as_time_goes_by() {
    let ramp = "ramp: [{after: 0s, coverage: 0.2}, {after: 1d, coverage: 0.5}, {after: 3d, coverage: 1}]";
    let project = testing(file(&format!("{PLAN}assignment: {{seed: s, {ramp}}}\n"))).await;
    let arms = || -> Vec<Option<u16>> { (0..1000).map(|n| arm(&project, &format!("u{n}"))).collect() };
    let mut before = arms();
    let mut numbers = vec![before.iter().flatten().count()];
    for (hours, grows) in [(23, false), (1, true), (47, false), (1, true)] {
        project.clock.advance(Duration::from_secs(hours * 3600));
        let now = arms();
        for (unit, seen) in before.iter().enumerate().filter(|(_, seen)| seen.is_some()) {
            assert_eq!(now[unit], *seen, "u{unit} loses its arm");
        }
        assert_eq!(now != before, grows, "after {hours} more hours");
        numbers.push(now.iter().flatten().count());
        before = now;
    }
    let within = |n: usize, about: usize| n.abs_diff(about) < 50;
    assert!(within(numbers[0], 200) && within(numbers[2], 500) && numbers[4] == 1000, "{numbers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ramp_that_falls_is_refused_with_its_line() {
    let project = Project::with_champion().await;
    let rise = "the steps of a ramp begin at 0s and rise in time and coverage, up to 1";
    for (ramp, message) in [
        ("[{after: 1h, coverage: 0.2}]", rise),
        ("[{coverage: 0.5}, {after: 1h, coverage: 0.4}]", rise),
        ("[{coverage: 0.5}, {after: 0s, coverage: 0.6}]", rise),
        ("[{coverage: 0.5}, {after: 2h, coverage: 0.6}, {after: 1h, coverage: 0.7}]", rise),
        ("[{coverage: 1.1}]", rise),
        ("[{coverage: -0.1}]", rise),
        ("[]", "the ramp has no steps"),
        ("[{after: 0s}]", "coverage"),
        ("[{coverage: 1, until: 1d}]", "until"),
    ] {
        let text = file(&format!("{PLAN}assignment:\n  ramp: {ramp}\n"));
        let refused = create(&project, text).await.unwrap_err().to_string();
        assert!(refused.contains("test:11:") && refused.contains(message), "{ramp}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_units_that_are_meant_take_part_on_the_route_of_a_model() {
    let meant =
        "where: [{attribute: carrier, not_in: [UA, 7]}, {attribute: distance, at_least: 100, below: 500}]";
    let project = testing(file(&format!("{PLAN}assignment: {{seed: s, {meant}}}\n"))).await;
    let ask = async |unit: String, columns: &[&str], row: Vec<Value>| {
        let columns = Some(columns.iter().map(|name| (*name).to_owned()).collect());
        let (rows, caller) =
            (Rows { columns, data: vec![row] }, Caller { key: Some(unit.clone()), ..Caller::default() });
        let served = project.running().gateway.predict(MODEL, &unit, &caller, None, rows, &Value::Null).await;
        let served = served.unwrap();
        assert!(
            served.assigned.is_some() || served.version == 1,
            "who is not meant is answered by the control"
        );
        (served.assigned.is_some(), served.version)
    };
    let both = ["carrier", "distance"];
    for (row, inside) in [
        (vec![json!("AA"), json!(100)], true),
        (vec![json!("AA"), json!(499.9)], true),
        (vec![json!("AA"), json!(500)], false),
        (vec![json!("AA"), json!(99.9)], false),
        (vec![json!("UA"), json!(300)], false),
        (vec![json!(7), json!(300)], false),
        (vec![json!(8), json!(300)], true),
        (vec![Value::Null, json!(300)], false),
        (vec![json!("AA"), Value::Null], false),
        (vec![json!("AA"), json!("300")], false),
    ] {
        let mut versions = Vec::new();
        for n in 0..20 {
            let (assigned, version) = ask(format!("{row:?}{n}"), &both, row.clone()).await;
            assert_eq!(assigned, inside, "{row:?}");
            versions.push(version);
        }
        assert_eq!(versions.contains(&2), inside, "{row:?}: {versions:?}");
        assert!(versions.contains(&1), "{row:?}: {versions:?}");
    }
    // Who lacks an attribute is not meant, whatever the condition.
    assert!(!ask("one".to_owned(), &["distance"], vec![json!(300)]).await.0);
    assert!(!ask("two".to_owned(), &["carrier"], vec![json!("AA")]).await.0);
}
