//! A/B tests whose arms are served by programs elsewhere.

use crate::ab::{chance, change, create, revise, test};
use crate::project::{Project, until};
use mainspring_automation::AutomationError;
use mainspring_automation::ab::{AbTests, Asked, Assignment, MAX_ASSIGNMENTS, Rankings, decided};
use mainspring_domain::ab::{AbPhase, AbStatus, MetricEvent, ShownItem};
use mainspring_domain::{Clock as _, Timestamp};
use mainspring_stats::assignment::sticky::{Document, Documents};
use mainspring_stats::decide::{Because, Evidence, Outcome};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A test of two arms elsewhere at work.
async fn testing(more: &str) -> Project {
    let project = Project::started().await;
    create(&project, file(more)).await.unwrap();
    change(&project, |tx| AbTests::start(tx, "better")).await.unwrap();
    project
}

fn file(more: &str) -> String {
    format!(
        "name: better\narms: [{{name: a}}, {{name: b}}]\nmetrics: {{paid: {{event: paid, outcome: sum}}}}\n\
         goals: [{{metric: paid, better: higher}}]\n\
         plan: {{planned_units: 1000, minimum_runtime: 0s, look_every: 1h}}\n{more}"
    )
}

async fn assign(project: &Project, asked: Asked) -> Result<Assignment, AutomationError> {
    change(project, move |tx| AbTests::assign(tx, "better", &asked)).await
}

fn paid(unit: String, value: f64, time: Timestamp) -> MetricEvent {
    MetricEvent { id: unit.clone(), name: "paid".to_owned(), unit, value, time, about: None }
}

fn attributes(of: &[(&str, Value)]) -> Map<String, Value> {
    of.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_of_assignments_make_strata_and_groups() {
    let project = testing("strata: tier\nassignment: {seed: s}\n").await;
    let now = project.clock.now();
    // Tiers differ by 100; arms by 1 for those of the small one.
    change(&project, move |tx| {
        let mut events = Vec::new();
        for n in 0..800_u64 {
            let unit = format!("u{n:03}");
            let large = n % 2 == 0;
            let tier = json!(if large { "large" } else { "small" });
            let of_unit = [("tier", tier), ("note", json!("x".repeat(300))), ("tags", json!(["a"]))];
            let asked = Asked { unit: unit.clone(), attributes: attributes(&of_unit), ..Asked::default() };
            let assigned = AbTests::assign(tx, "better", &asked)?;
            // What is said later counts no more: they may be what the arm has made of them.
            let later = Asked {
                unit: unit.clone(),
                attributes: attributes(&[("tier", json!("none"))]),
                ..Asked::default()
            };
            assert_eq!(AbTests::assign(tx, "better", &later)?, assigned);
            let ahead = if assigned.arm.unwrap().0 == 1 && !large { 1.0 } else { 0.0 };
            events.push(paid(unit, if large { 100.0 } else { 0.0 } + chance(n) + ahead, now));
        }
        tx.add_metric_events(&events)?;
        Ok(())
    })
    .await
    .unwrap();
    project.clock.advance(Duration::from_secs(60));
    let ab = &project.running().ab;
    let decision = decided(&ab.look("better").await.unwrap()).unwrap();
    let strata: Vec<&str> =
        decision.snapshot.strata["paid"].iter().map(|stratum| stratum.name.as_str()).collect();
    assert_eq!(strata, ["large", "small"]);
    assert_eq!(decision.outcome, Outcome::Winner { arm: 1 }, "all together differ by chance: {decision:?}");
    assert!(decision.replays());
    let names = project.read(|tx| Ok(AbTests::attributes(tx, "better").unwrap())).await;
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["tier"], "lists and long texts are not kept");
    let groups = &ab.segments("better", "tier").await.unwrap()[0].groups;
    let gains: Vec<f64> = groups.iter().map(|group| group.effect.unwrap().estimate).collect();
    assert!(gains[0].abs() < 0.2 && (gains[1] - 1.0).abs() < 0.2, "{gains:?}");
}

fn remembered(unit: &str, entries: &[(&str, &str)]) -> Documents {
    let entries = entries.iter().map(|(key, arm)| ((*key).to_owned(), (*arm).to_owned()));
    let document = Document {
        attribute_name: "user".to_owned(),
        attribute_value: unit.to_owned(),
        assignments: entries.collect(),
    };
    BTreeMap::from([(format!("user||{unit}"), document)])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_remember_is_kept() {
    let sticky = |more: &str| format!("assignment: {{seed: s, sticky: true, hash_attribute: user{more}}}\n");
    let project = testing(&sticky(", coverage: 0.5")).await;
    let asked =
        |unit: &str, documents: Documents| Asked { unit: unit.to_owned(), documents, ..Asked::default() };
    let name = |assigned: &Assignment| assigned.arm.as_ref().map(|(_, name)| name.clone());
    // Who remembers nothing gets an arm, and a document of it.
    let mut inside = None;
    let mut outside = Vec::new();
    for n in 0..20 {
        let unit = format!("u{n}");
        let assigned = assign(&project, asked(&unit, Documents::new())).await.unwrap();
        let documents = assigned.documents.clone().unwrap();
        match name(&assigned) {
            Some(arm) => {
                assert_eq!(documents, remembered(&unit, &[("better__0", &arm)]));
                inside = Some((unit, arm));
            }
            None => {
                assert!(documents.is_empty());
                outside.push(unit);
            }
        }
    }
    // Who remembers an arm has it, though the hash would leave it out; also both.
    for (unit, arm) in [(&outside[0], "a"), (&outside[1], "b")] {
        let known = remembered(unit, &[("better__0", arm), ("other__3", "x")]);
        let assigned = assign(&project, asked(unit, known.clone())).await.unwrap();
        assert_eq!(name(&assigned).as_deref(), Some(arm));
        assert_eq!(assigned.documents, Some(known), "what is of other tests stays");
    }
    // What the store knows of this phase comes first, and arms that there are not say nothing.
    let (unit, arm) = inside.unwrap();
    let other = if arm == "a" { "b" } else { "a" };
    let assigned = assign(&project, asked(&unit, remembered(&unit, &[("better__0", other)]))).await.unwrap();
    assert_eq!(name(&assigned).as_deref(), Some(arm.as_str()));
    assert_eq!(assigned.documents, Some(remembered(&unit, &[("better__0", &arm)])));
    let gone = assign(&project, asked(&outside[2], remembered(&outside[2], &[("better__0", "c")]))).await;
    assert_eq!(name(&gone.unwrap()), None);
    // A raised version begins anew, and a raised minimum puts out who was there before it.
    let (_, why) = revise(&project, file(&sticky(", bucket_version: 1"))).await.unwrap();
    assert_eq!(why, Some("who sees which arm"));
    let known = remembered(&outside[0], &[("better__0", "a")]);
    let anew = assign(&project, asked(&outside[0], known.clone())).await.unwrap();
    let arm = name(&anew).unwrap();
    assert_eq!(anew.documents, Some(remembered(&outside[0], &[("better__0", "a"), ("better__1", &arm)])));
    revise(&project, file(&sticky(", bucket_version: 2, min_bucket_version: 1"))).await.unwrap();
    let out = assign(&project, asked(&outside[0], known)).await.unwrap();
    assert_eq!(name(&out), None);
    // A test that has no use for documents gives none.
    revise(&project, file("")).await.unwrap();
    let plain = assign(&project, asked("u1", remembered("u1", &[("better__0", "a")]))).await.unwrap();
    assert_eq!(plain.documents, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_arm_without_weight_is_forgotten() {
    let project = testing("assignment: {seed: s, sticky: true, hash_attribute: user}\n").await;
    let file = file("assignment: {seed: s, sticky: true, hash_attribute: user}\n");
    let weights = "arms: [{name: a}, {name: b}, {name: c, weight: 0}]";
    revise(&project, file.replace("arms: [{name: a}, {name: b}]", weights)).await.unwrap();
    let assigned = change(&project, |tx| {
        let mut assigned = Vec::new();
        for n in 0..300 {
            let unit = format!("u{n}");
            let documents = remembered(&unit, &[("better__0", "c")]);
            assigned.push(AbTests::assign(tx, "better", &Asked { unit, documents, ..Asked::default() })?);
        }
        Ok(assigned)
    })
    .await
    .unwrap();
    for (n, assigned) in assigned.iter().enumerate() {
        let (_, arm) = assigned.arm.clone().unwrap();
        assert!(arm == "a" || arm == "b", "{arm}");
        assert_eq!(assigned.documents, Some(remembered(&format!("u{n}"), &[("better__0", &arm)])));
    }
    let decision = decided(&project.running().ab.look("better").await.unwrap()).unwrap();
    assert!(matches!(decision.outcome, Outcome::Continue { .. }), "no broken split: {decision:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_without_candidates_is_refused_and_an_older_one_says_so() {
    let project = Project::started().await;
    let empty = file("").replace("{name: b}", "{name: b, weight: 0}");
    let refused = create(&project, empty.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("no candidate has weight"), "{refused}");
    create(&project, file("")).await.unwrap();
    let refused = revise(&project, empty.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("no candidate has weight"), "{refused}");
    // As an earlier version took it.
    change(&project, move |tx| {
        let test = tx.ab_test("better")?.unwrap();
        let held = tx.ab_phase(&test.id)?.unwrap();
        tx.bookkeeping();
        Ok(tx.put_ab_phase(&AbPhase { spec_text: empty, ..held })?)
    })
    .await
    .unwrap();
    change(&project, |tx| AbTests::start(tx, "better")).await.unwrap();
    until("its first look", async || test(&project).await.status == AbStatus::Ended).await;
    let ended = test(&project).await;
    let decision = project.read(move |tx| tx.ab_decision(&ended.id, 1)).await.unwrap();
    let decision = decided(&decision).unwrap();
    assert_eq!(decision.outcome, Outcome::KeepChampion { because: Because::Harm });
    assert!(decision.replays(), "as it was decided before");
    assert_eq!(
        ended.outcome.as_deref(),
        Some("the control stays: no candidate has weight, so there is nothing to compare")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_were_answered_can_be_sent_again() {
    let project = testing("assignment: {seed: s, sticky: true, hash_attribute: user}\n").await;
    let ask = async |attributes: Map<String, Value>, documents: Documents| {
        let asked = Asked { unit: "u1".to_owned(), attributes, documents };
        assign(&project, asked).await.unwrap().documents.unwrap()
    };
    // Sixteen documents of attributes of the unit leave no room, and those of others are none of its.
    let of = |name: &str, value: &str| {
        let document = Document {
            attribute_name: name.to_owned(),
            attribute_value: value.to_owned(),
            assignments: BTreeMap::from([("other__0".to_owned(), "x".to_owned())]),
        };
        (format!("{name}||{value}"), document)
    };
    let known: Map<String, Value> = (0..16).map(|n| (format!("a{n}"), json!("v"))).collect();
    let full: Documents = (0..16).map(|n| of(&format!("a{n}"), "v")).collect();
    assert_eq!(ask(known.clone(), full.clone()).await, full);
    let others: Documents = (0..16).map(|n| of("user", &format!("v{n}"))).collect();
    let own = ask(known, others).await;
    assert_eq!(own.keys().collect::<Vec<_>>(), ["user||u1"]);
    // The same of a document that is full; an entry that is there is written over.
    let mut document = own["user||u1"].clone();
    let ours = document.assignments.clone();
    document.assignments = (0..MAX_ASSIGNMENTS).map(|n| (format!("t{n}__0"), "a".to_owned())).collect();
    let full = BTreeMap::from([("user||u1".to_owned(), document.clone())]);
    assert_eq!(ask(Map::new(), full.clone()).await, full);
    document.assignments.pop_last();
    document.assignments.insert("better__0".to_owned(), "neither".to_owned());
    let answered = ask(Map::new(), BTreeMap::from([("user||u1".to_owned(), document)])).await;
    let entries = &answered["user||u1"].assignments;
    assert_eq!((entries.len(), &entries["better__0"]), (MAX_ASSIGNMENTS, &ours["better__0"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fallback_may_be_a_number() {
    let project = testing("assignment: {seed: s, sticky: true, hash_attribute: user}\n").await;
    for (n, value) in [json!(17), json!(true), json!("x")].into_iter().enumerate() {
        for arm in ["a", "b"] {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let document = Document {
                attribute_name: "id".to_owned(),
                attribute_value: shown.clone(),
                assignments: BTreeMap::from([("better__0".to_owned(), arm.to_owned())]),
            };
            let asked = Asked {
                unit: format!("u{n}{arm}"),
                attributes: attributes(&[("id", value.clone())]),
                documents: BTreeMap::from([(format!("id||{shown}"), document)]),
            };
            assert_eq!(assign(&project, asked).await.unwrap().arm.unwrap().1, arm);
        }
    }
}

/// The cases of `evaluate`'s sticky buckets: `[name, context, documents, feature, result, documents after]`.
#[tokio::test(flavor = "multi_thread")]
async fn the_sticky_cases_of_the_sdks_hold_on_the_server() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/stats");
    let Ok(cases) = std::fs::read_to_string(folder.join("growthbook-sdk-cases.json")) else {
        println!("SKIPPED: no recorded cases in {}", folder.display());
        return;
    };
    let cases: Value = serde_json::from_str(&cases).unwrap();
    let cases = cases["stickyBucket"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let feature = case[3].as_str().unwrap();
        let rule = &case[1]["features"][feature]["rules"][0];
        let text = |name: &str| rule[name].as_str();
        let key = text("key").unwrap_or(feature);
        let n = rule["variations"].as_array().unwrap().len();
        let arms: Vec<Value> = (0..n)
            .map(|arm| {
                let name = rule["meta"][arm]["key"].as_str().map_or(arm.to_string(), str::to_owned);
                json!({ "name": name, "weight": rule["weights"][arm].as_f64().unwrap_or(1.0) })
            })
            .collect();
        let hash = if rule["hashVersion"] == 2 { "growthbook" } else { "growthbook-v1" };
        let hashed = text("hashAttribute").unwrap_or("id");
        let mut assignment = json!({ "hash": hash, "seed": text("seed").unwrap_or(key) });
        if rule["disableStickyBucketing"] != true {
            assignment["sticky"] = json!(true);
            assignment["hash_attribute"] = json!(hashed);
            assignment["bucket_version"] = json!(rule["bucketVersion"].as_u64().unwrap_or(0));
            assignment["min_bucket_version"] = json!(rule["minBucketVersion"].as_u64().unwrap_or(0));
            if let Some(fallback) = text("fallbackAttribute") {
                assignment["fallback_attribute"] = json!(fallback);
            }
        }
        if let Some((name, value)) = rule["condition"].as_object().and_then(|all| all.iter().next()) {
            assignment["where"] = json!([{ "attribute": name, "in": [value] }]);
        }
        let file = json!({
            "name": key, "arms": arms, "assignment": assignment,
            "metrics": { "paid": { "event": "paid" } }, "goals": [{ "metric": "paid", "better": "higher" }],
            "plan": { "planned_units": 1000 },
        });
        // Documents go by the name of a test, and all but one have the same.
        let project = &Project::started().await;
        create(project, file.to_string()).await.unwrap();
        let id = key.to_owned();
        change(project, move |tx| AbTests::start(tx, &id)).await.unwrap();
        let attributes = case[1]["attributes"].as_object().unwrap().clone();
        let unit = |name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);
        let documents: Vec<Document> = serde_json::from_value(case[2].clone()).unwrap();
        let documents: Documents = documents
            .into_iter()
            .map(|document| (format!("{}||{}", document.attribute_name, document.attribute_value), document))
            .collect();
        let asked = Asked {
            unit: unit(hashed).or_else(|| unit(text("fallbackAttribute")?)).unwrap(),
            attributes,
            documents: documents.clone(),
        };
        let id = key.to_owned();
        let assigned = change(project, move |tx| AbTests::assign(tx, &id, &asked)).await.unwrap();
        let arm = assigned.arm.map_or(Value::Null, |(arm, _)| json!(arm));
        assert_eq!(arm, case[4]["variationId"], "{}", case[0]);
        let after: Documents = serde_json::from_value(case[5].clone()).unwrap();
        assert_eq!(assigned.documents.unwrap_or(documents), after, "{}", case[0]);
    }
}

const RANKED: &str = "name: better\nmode: interleaved\narms: [{name: a}, {name: b}]\n\
                      metrics: {clicks: {event: clicked, outcome: count, window: 10s}}\n\
                      goals: [{metric: clicks, better: higher}]\nassignment: {coverage: 0.9, seed: s}\n\
                      plan: {planned_units: 1000, minimum_runtime: 0s, look_every: 1h}\n";

fn rankings(n: u32) -> Rankings {
    let items = |names: [&str; 3]| names.map(str::to_owned).to_vec();
    Rankings {
        request: format!("r{n}"),
        unit: Some(format!("u{}", n / 2)),
        attributes: attributes(&[("tier", json!(n % 2))]),
        lists: vec![("a".to_owned(), items(["x", "y", "z"])), ("b".to_owned(), items(["y", "w", "x"]))],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_on_merged_lists_say_which_ranking_is_preferred() {
    let project = Project::started().await;
    create(&project, RANKED.to_owned()).await.unwrap();
    let merge = async |rankings: Rankings| {
        change(&project, move |tx| AbTests::interleave(tx, "better", &rankings)).await
    };
    let early = merge(rankings(0)).await.unwrap_err().to_string();
    assert!(early.contains("does not run"), "{early}");
    change(&project, |tx| AbTests::start(tx, "better")).await.unwrap();
    let refused = assign(&project, Asked { unit: "u".to_owned(), ..Asked::default() }).await.unwrap_err();
    assert!(refused.to_string().contains("merges the lists of its arms"), "{refused}");
    let one = Rankings { lists: rankings(0).lists[..1].to_vec(), ..rankings(0) };
    assert!(merge(one).await.unwrap_err().to_string().contains("got no list of its arm `b`"));
    let stray = Rankings { lists: vec![("c".to_owned(), Vec::new())], ..rankings(0) };
    assert!(merge(stray).await.unwrap_err().to_string().contains("has no arm `c`"));

    // An id that is used again shows nobody the list of another unit, nor other items than were ranked.
    let first = merge(rankings(2)).await.unwrap();
    assert!(first.in_test);
    let another = Rankings { unit: Some("another".to_owned()), ..rankings(2) };
    let unknown = Rankings { unit: None, ..rankings(2) };
    let mut fewer = rankings(2);
    fewer.lists[1].1.retain(|item| item != "w");
    let mut other = rankings(2);
    "v".clone_into(&mut other.lists[1].1[1]);
    for reused in [another, unknown, fewer, other] {
        let refused = merge(reused).await.unwrap_err().to_string();
        assert!(refused.contains("`r2` of another unit, or with other items"), "{refused}");
        assert!(refused.contains("hint: give each request an id of its own"), "{refused}");
    }
    let mut turned = rankings(2);
    turned.lists.iter_mut().for_each(|(_, list)| list.reverse());
    assert_eq!(merge(turned).await.unwrap(), first, "who tries again gets the list that was shown");

    let now = project.clock.now();
    let (merged, left_out) = change(&project, move |tx| {
        let (mut merged, mut left_out) = (0, 0);
        let mut clicks = Vec::new();
        for n in 0..800 {
            let list = AbTests::interleave(tx, "better", &rankings(n))?;
            assert_eq!(list, AbTests::interleave(tx, "better", &rankings(n))?, "the same request");
            if !list.in_test {
                let items: Vec<&str> = list.list.iter().map(|(item, _)| item.as_str()).collect();
                assert_eq!(items, ["x", "y", "z"], "the control's");
                left_out += 1;
                continue;
            }
            merged += 1;
            // Whatever it is, the candidate's first item is liked more often.
            let wanted = if n % 5 < 3 { "b" } else { "a" };
            let (item, _) = list.list.iter().find(|(_, arm)| arm.as_deref() == Some(wanted)).unwrap();
            let about = Some(ShownItem { request: format!("r{n}"), item: item.clone() });
            let time = Timestamp::from_millis(now.as_millis() + 5);
            clicks.push(MetricEvent {
                id: n.to_string(),
                name: "clicked".to_owned(),
                unit: String::from("whoever"),
                value: 1.0,
                time,
                about,
            });
        }
        tx.add_metric_events(&clicks)?;
        Ok((merged, left_out))
    })
    .await
    .unwrap();
    assert!(merged > 650 && left_out > 20, "{merged} {left_out}");
    project.clock.advance(Duration::from_secs(60));
    let ab = &project.running().ab;
    let decision = decided(&ab.look("better").await.unwrap()).unwrap();
    assert_eq!(decision.outcome, Outcome::Winner { arm: 1 }, "{decision:?}");
    assert!(decision.replays());
    let Evidence::Signs(signs) = &decision.snapshot.metrics["clicks"] else { panic!("{decision:?}") };
    assert_eq!(signs[0].known.units * 2, merged, "units have two requests each");
    assert_eq!(signs[0].known.outcomes, merged);
    let groups = &ab.segments("better", "tier").await.unwrap()[0].groups;
    assert_eq!((groups.len(), groups[0].units.clone()), (1, vec![merged / 2]), "as units first came");
    let ended = change(&project, |tx| AbTests::interleave(tx, "better", &rankings(900))).await;
    assert!(ended.unwrap_err().to_string().contains("does not run"));
}
