//! A/B tests whose arms are served by programs elsewhere.

use crate::ab::{chance, change, create, revise};
use crate::project::Project;
use mainspring_automation::AutomationError;
use mainspring_automation::ab::{AbTests, Asked, Assignment, Rankings, decided};
use mainspring_domain::ab::{MetricEvent, ShownItem};
use mainspring_domain::{Clock as _, Timestamp};
use mainspring_stats::assignment::sticky::{Document, Documents};
use mainspring_stats::decide::{Evidence, Outcome};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
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
