//! Two rankings as one list, and what clicks on its items say.

use crate::ab::{at, event, exposure, known, refused_or};
use mainspring_domain::ab::{AbInterleaved, MetricEvent, ShownItem};
use mainspring_rollouts::ab::{AbSpec, Collected, interleave};
use mainspring_stats::decide::{Evidence, Signs, Snapshot, decide};
use proptest::prelude::*;
use std::collections::BTreeSet;

const FILE: &str = "name: t\nmode: interleaved\narms: [{name: a}, {name: b}]\nmetrics: {it: METRIC}\n\
                    goals: [{metric: it, better: higher}]\nplan: {planned_units: 1000}\n";

fn spec(metric: &str) -> AbSpec {
    refused_or(&FILE.replace("METRIC", metric)).unwrap()
}

fn names(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

#[test]
fn each_round_both_arms_put_their_best() {
    let (control, candidate) = (names(&["a", "b", "c", "d"]), names(&["b", "e", "a", "f"]));
    let merged = interleave([&control, &candidate], "seed", "r1");
    assert_eq!(merged, interleave([&control, &candidate], "seed", "r1"), "the same request, the same list");
    let arms: Vec<Option<u16>> = merged.iter().map(|(_, arm)| *arm).collect();
    assert_ne!(arms[0], arms[1]);
    assert_ne!(arms[2], arms[3]);
    assert!(arms[..4].iter().all(Option::is_some) && arms[4..].iter().all(Option::is_none), "{merged:?}");
    let items: BTreeSet<&str> = merged.iter().map(|(item, _)| item.as_str()).collect();
    assert_eq!(items.into_iter().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f"]);
    // Either may begin, and by another seed or request another one does.
    let first = |seed: &str, request: &str| interleave([&control, &candidate], seed, request)[0].1;
    assert!((0..20).any(|n| first("seed", &format!("r{n}")) != first("seed", "r1")));
    assert!((0..20).any(|n| first(&format!("s{n}"), "r1") != first("seed", "r1")));
    // An arm without a list has no items of its own, and the other none that count.
    let alone = interleave([&control, &[]], "seed", "r1");
    assert_eq!(alone, control.iter().map(|item| (item.clone(), None)).collect::<Vec<_>>());
}

#[test]
fn of_equal_rankings_each_place_is_each_arms_as_often() {
    let list = names(&["a", "b", "c"]);
    let mut of_candidate = [0_u32; 3];
    for n in 0..10_000 {
        let merged = interleave([&list, &list], "seed", &format!("r{n}"));
        for (count, (_, arm)) in of_candidate.iter_mut().zip(&merged) {
            *count += u32::from(*arm == Some(1));
        }
    }
    // Within four standard errors.
    assert!(of_candidate.iter().all(|count| count.abs_diff(5_000) < 200), "{of_candidate:?}");
}

proptest! {
    #[test]
    fn a_merged_list_has_all_items_once_and_arms_share_them(
        control in prop::collection::btree_set(0_u8..30, 0..20),
        candidate in prop::collection::btree_set(0_u8..30, 0..20),
        turn in any::<prop::sample::Index>(),
        request in "[a-z]{1,8}",
    ) {
        let named = |set: &BTreeSet<u8>| set.iter().map(ToString::to_string).collect::<Vec<String>>();
        let (control, mut candidate) = (named(&control), named(&candidate));
        if !candidate.is_empty() {
            let middle = turn.index(candidate.len());
            candidate.rotate_left(middle);
        }
        let merged = interleave([&control, &candidate], "seed", &request);
        let items: BTreeSet<&String> = merged.iter().map(|(item, _)| item).collect();
        prop_assert_eq!(items.len(), merged.len(), "none twice");
        prop_assert_eq!(items, control.iter().chain(&candidate).collect::<BTreeSet<_>>(), "all of them");
        let of = |arm: u16| merged.iter().filter(|(_, of)| *of == Some(arm)).count();
        prop_assert!(of(0).abs_diff(of(1)) <= 1);
        prop_assert_eq!(of(0) + of(1), control.len().min(candidate.len()));
        for (item, arm) in &merged {
            let Some(arm) = arm else { continue };
            prop_assert!([&control, &candidate][usize::from(*arm)].contains(item));
        }
    }
}

/// A list of `x` by the control and `y` by the candidate, and `z` by nobody.
fn list(unit: &str, request: &str, hours: i64) -> AbInterleaved {
    AbInterleaved {
        test: "t".to_owned(),
        phase: 1,
        request: request.to_owned(),
        unit: unit.to_owned(),
        time: at(hours),
        list: vec![("x".to_owned(), Some(0)), ("y".to_owned(), Some(1)), ("z".to_owned(), None)],
    }
}

fn click(request: &str, item: &str, hours: i64) -> MetricEvent {
    let about = Some(ShownItem { request: request.to_owned(), item: item.to_owned() });
    let id = format!("{request} {item} {hours}");
    MetricEvent { about, id, name: "clicked".to_owned(), ..event("whoever", hours, 1.0) }
}

fn collected(lists: Vec<AbInterleaved>, clicks: Vec<MetricEvent>) -> Collected {
    let mut collected = Collected { interleaved: lists, ..Collected::default() };
    collected.events.insert("clicked".to_owned(), clicks);
    collected
}

fn signs(snapshot: &Snapshot) -> Signs {
    let Some(Evidence::Signs(signs)) = snapshot.metrics.get("it") else { panic!("{snapshot:?}") };
    assert_eq!(signs.len(), 1);
    signs[0]
}

#[test]
fn a_unit_prefers_the_arm_on_whose_items_more_happened() {
    let lists = vec![
        list("u1", "r1", 10),
        list("u1", "r2", 11),
        list("u2", "r3", 10),
        list("u3", "r4", 10),
        list("u4", "r5", 10),
        list("u5", "r6", 96),
    ];
    let clicks = vec![
        click("r1", "y", 10),
        click("r2", "y", 12),
        click("r2", "x", 12),
        click("r3", "x", 11),
        click("r3", "z", 11), // of nobody
        click("r3", "y", 9),  // before it was shown
        click("r3", "y", 40), // after the window
        click("r4", "x", 11),
        click("r4", "y", 11),
        click("r6", "y", 97), // not due yet
        click("none", "y", 11),
        click("r5", "q", 11),
        MetricEvent { name: "clicked".to_owned(), ..event("u5", 11, 1.0) },
    ];
    let within_a_day = spec("{event: clicked, outcome: count, window: 1d}");
    let held = collected(lists, clicks);
    let found = known(&within_a_day, &held);
    let Signs { test, known: of } = signs(&found);
    assert_eq!((test.only_champion, test.only_candidate), (1, 1), "u1 is the candidate's, u2 the control's");
    assert_eq!((of.units_due, of.units, of.outcomes_due, of.outcomes), (4, 4, 5, 5));
    assert_eq!(found.units, [5, 5]);
    let any = signs(&known(&spec("{event: clicked, window: 1d}"), &held)).test;
    assert_eq!((any.only_champion, any.only_candidate), (1, 0), "u1 has clicked on both");
    let all = signs(&known(&spec("{event: clicked, outcome: sum}"), &held)).test;
    assert_eq!(
        (all.only_champion, all.only_candidate),
        (0, 2),
        "u2 on both in the end, u5 on the candidate's"
    );
    let mut turned = held;
    turned.events.values_mut().for_each(|events| events.reverse());
    assert_eq!(known(&within_a_day, &turned), found);
}

#[test]
fn preferences_decide_by_the_sign_test() {
    let mut lists: Vec<AbInterleaved> =
        (0..400).map(|n| list(&format!("u{n:03}"), &format!("r{n:03}"), 1)).collect();
    lists.sort_by(|a, b| a.unit.cmp(&b.unit));
    // Of 400 units 100 like nothing, 200 the candidate's item, 100 the control's.
    let clicks =
        (0..300).map(|n| click(&format!("r{n:03}"), if n % 3 == 0 { "x" } else { "y" }, 2)).collect();
    let file = FILE.replace("METRIC", "{event: clicked}").replace("1000}", "1000, minimum_runtime: 0s}");
    let spec = refused_or(&file).unwrap();
    let mut held = collected(lists, clicks);
    held.exposures = (0..400).map(|n| exposure(&format!("u{n:03}"), 0, 1)).collect();
    let snapshot = known(&spec, &held);
    let decision = decide(&spec.plan, &snapshot).unwrap();
    assert_eq!(decision.outcome, mainspring_stats::decide::Outcome::Winner { arm: 1 }, "{decision:?}");
    assert!(decision.replays() && decision.srm_log_e == 0.0);
}

#[test]
fn what_merged_lists_cannot_tell_is_refused() {
    assert!(refused_or(&FILE.replace("METRIC", "{event: clicked}")).is_ok());
    let with = |from: &str, to: &str| FILE.replace("METRIC", "{event: clicked}").replace(from, to);
    for (file, part) in [
        (FILE.replace("METRIC", "{from: label}"), "t.yaml:4:15: `it` cannot be told by the items of an arm"),
        (FILE.replace("METRIC", "{event: clicked, cuped: 1d}"), "cannot be told"),
        (FILE.replace("METRIC", "{event: clicked, per: shown}"), "cannot be told"),
        (FILE.replace("METRIC", "{event: paid, outcome: sum, cap: 5}"), "cannot be told"),
        (
            with("{name: b}]", "{name: b}, {name: c}]"),
            "t.yaml:3:7: the mode `interleaved` merges the lists of two",
        ),
        (with("{name: b}", "{name: b, weight: 2}"), "in the mode `interleaved` all arms are asked"),
        (with("better: higher", "better: higher, scale: log_ratio"), "which know no scale"),
        (with("plan:", "strata: tier\nplan:"), "each list is compared with itself"),
        (with("plan:", "bandit: {}\nplan:"), "everybody sees the items of both arms"),
        (with("plan:", "assignment: {sticky: true}\nplan:"), "have no documents of clients"),
        (
            with("}}\n", "}, bad: {event: hidden}}\n")
                .replace("plan:", "guardrails: [{metric: bad, better: lower, margin: 1}]\nplan:"),
            "so that neither can be guarded",
        ),
        (
            with("{name: a}, {name: b}", "{name: a, version: 1}, {name: b, version: 2}")
                .replace("mode:", "model: m\nmode:"),
            "t.yaml:2:8: the mode `interleaved` merges lists that your program has",
        ),
        (with("mode: interleaved", "mode: interleave"), "expected one of split, shadow, interleaved"),
    ] {
        let error = refused_or(&file).unwrap_err();
        assert!(error.contains(part), "{file}: {error}");
    }
}
