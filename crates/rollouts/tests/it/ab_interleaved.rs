//! Two rankings as one list, and what clicks on its items say.

use crate::ab::{at, exposure, known, refused_or};
use mainspring_domain::ab::{AbCredit, AbMerged};
use mainspring_rollouts::ab::{AbSpec, Collected, interleave, snapshot};
use mainspring_stats::decide::{Because, Evidence, Outcome, Signs, Snapshot, decide};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

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

fn list(unit: &str, request: &str, hours: i64) -> AbMerged {
    AbMerged { request: request.to_owned(), unit: unit.to_owned(), time: at(hours) }
}

/// A click on an item of an arm, which is told at once.
fn click(request: &str, arm: u16, hours: i64) -> AbCredit {
    AbCredit { request: request.to_owned(), arm, value: 1.0, time: at(hours), received: at(hours) }
}

fn collected(merged: Vec<AbMerged>, clicks: Vec<AbCredit>) -> Collected {
    let credits = BTreeMap::from([("clicked".to_owned(), clicks)]);
    Collected { merged, credits, ..Collected::default() }
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
        list("u1", "r7", 40), // after the window of its first
        list("u2", "r3", 10),
        list("u3", "r4", 10),
        list("u4", "r5", 10),
        list("u5", "r6", 60),
    ];
    let late = |click: AbCredit, received: i64| AbCredit { received: at(received), ..click };
    let clicks = vec![
        click("r1", 1, 10),
        click("r2", 1, 12),
        click("r2", 0, 12),
        click("r7", 0, 41),
        click("r7", 0, 42),
        late(click("r3", 0, 11), 58), // two windows after its first list
        late(click("r3", 1, 11), 59), // too late
        click("r3", 1, 9),            // before it was shown
        click("r3", 1, 40),           // after the window
        click("r4", 0, 11),
        click("r4", 1, 11),
        click("r6", 1, 61), // not judged yet
        click("none", 1, 11),
        click("r5", 2, 11),
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
    let mut weighed = held.clone();
    let clicks = weighed.credits.values_mut().flatten();
    clicks.filter(|click| click.request == "r4" && click.arm == 1).for_each(|click| click.value = 3.0);
    let sum = signs(&known(&spec("{event: clicked, outcome: sum, window: 1d}"), &weighed)).test;
    assert_eq!((sum.only_champion, sum.only_candidate), (1, 2), "u3 has paid more for the candidate's");
    let mut turned = held;
    turned.credits.values_mut().for_each(|clicks| clicks.reverse());
    assert_eq!(known(&within_a_day, &turned), found);
}

/// What is there at a time: lists that were made, and clicks that came.
fn by_then(all: &Collected, now: i64) -> Collected {
    let merged = all.merged.iter().filter(|list| list.time <= at(now)).cloned().collect();
    let clicks = all.credits["clicked"].iter().filter(|click| click.received <= at(now)).cloned().collect();
    collected(merged, clicks)
}

proptest! {
    #[test]
    fn a_preference_that_was_counted_never_changes(
        requests in prop::collection::vec((0_u8..4, 0_i64..60), 1..40),
        clicks in prop::collection::vec((any::<prop::sample::Index>(), 0_u16..2, -2_i64..12, 0_i64..30), 0..80),
        outcome in prop::sample::select(vec!["any", "count", "sum"]),
    ) {
        let spec = spec(&format!("{{event: clicked, outcome: {outcome}, window: 5h}}"));
        let mut requests = requests;
        requests.sort_unstable();
        let lists: Vec<AbMerged> = (0..).zip(&requests)
            .map(|(n, (unit, hours)): (u32, _)| list(&format!("u{unit}"), &format!("r{n}"), *hours))
            .collect();
        let clicks = clicks.into_iter().map(|(of, arm, after, delay)| {
            let (_, hours) = requests[of.index(requests.len())];
            let made = click(&format!("r{}", of.index(requests.len())), arm, hours + after);
            AbCredit { received: at((hours + after).max(0) + delay), ..made }
        });
        let all = collected(lists, clicks.collect());
        for unit in 0..4_u8 {
            let of_unit = Collected {
                merged: all.merged.iter().filter(|list| list.unit == format!("u{unit}")).cloned().collect(),
                ..all.clone()
            };
            let mut seen = None;
            for now in 0..120 {
                let found = snapshot(&spec, &by_then(&of_unit, now), at(0), at(now), Vec::new());
                let Signs { test, known } = signs(&found);
                let coin = (test.only_champion, test.only_candidate, known.outcomes);
                if known.units > 0 {
                    prop_assert_eq!(*seen.get_or_insert(coin), coin, "at hour {}", now);
                }
            }
            prop_assert_eq!(seen.is_some(), !of_unit.merged.is_empty());
        }
    }
}

#[test]
fn units_that_come_back_do_not_make_false_winners() {
    let file = FILE.replace("METRIC", "{event: clicked, outcome: sum, window: 2h}");
    let spec = refused_or(&file.replace("1000}", "100, minimum_runtime: 0s, alpha: 0.2}")).unwrap();
    let mut wrong = 0;
    for run in 0..300_u64 {
        let mut dice = run * 7919 + 1;
        let mut coin = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u16::from(dice >> 63 == 1)
        };
        // A hundred units come back for two days, and like something more than anything before.
        let (mut merged, mut clicks) = (Vec::new(), Vec::new());
        for unit in 0..100_i64 {
            for (visit, value) in (0..24_i32).map(|visit| (visit, 2_f64.powi(visit))) {
                let (request, hours) = (format!("r{unit}.{visit}"), 2 * i64::from(visit));
                clicks.push(AbCredit { value, ..click(&request, coin(), hours) });
                merged.push(list(&format!("u{unit:02}"), &request, hours));
            }
        }
        let all = collected(merged, clicks);
        // What is still to come does not count.
        let stops = |now: i64| {
            let snapshot = snapshot(&spec, &all, at(0), at(now), Vec::new());
            let outcome = decide(&spec.plan, &snapshot).unwrap().outcome;
            let harm = Outcome::KeepChampion { because: Because::Harm };
            outcome == harm || matches!(outcome, Outcome::Winner { .. })
        };
        wrong += u32::from((1..25).any(|look| stops(2 * look + 1)));
    }
    assert!(wrong <= 60, "{wrong} of 300 without a difference, where a fifth is promised");
}

#[test]
fn preferences_decide_by_the_sign_test() {
    let mut lists: Vec<AbMerged> =
        (0..400).map(|n| list(&format!("u{n:03}"), &format!("r{n:03}"), 1)).collect();
    lists.sort_by(|a, b| a.unit.cmp(&b.unit));
    // Of 400 units 100 like nothing, 200 the candidate's item, 100 the control's.
    let clicks = (0..300).map(|n| click(&format!("r{n:03}"), u16::from(n % 3 != 0), 2)).collect();
    let file =
        FILE.replace("METRIC", "{event: clicked, window: 1d}").replace("1000}", "1000, minimum_runtime: 0s}");
    let spec = refused_or(&file).unwrap();
    let mut held = collected(lists, clicks);
    held.exposures = (0..400).map(|n| exposure(&format!("u{n:03}"), 0, 1)).collect();
    let snapshot = known(&spec, &held);
    let decision = decide(&spec.plan, &snapshot).unwrap();
    assert_eq!(decision.outcome, Outcome::Winner { arm: 1 }, "{decision:?}");
    assert!(decision.replays() && decision.srm_log_e == 0.0);
}

#[test]
fn buckets_do_not_stick_where_weights_follow_results() {
    let file = |more: &str| {
        format!(
            "name: t\narms: [{{name: a}}, {{name: b}}]\nmetrics: {{it: {{event: paid}}}}\n\
             goals: [{{metric: it, better: higher}}]\nplan: {{planned_units: 1000}}\n{more}"
        )
    };
    let sticky = "assignment: {sticky: true, fallback_attribute: device}\n";
    assert_eq!(refused_or(&file(sticky)).unwrap().sticky.unwrap().fallback.as_deref(), Some("device"));
    assert!(refused_or(&file("bandit: {}\n")).is_ok());
    let refused = refused_or(&file(&format!("bandit: {{}}\n{sticky}"))).unwrap_err();
    assert!(refused.contains("t.yaml:7:22: `sticky` does not go with `bandit`"), "{refused}");
    let stray = refused_or(&file("assignment: {fallback_attribute: device}\n")).unwrap_err();
    assert!(stray.contains("`fallback_attribute` goes with `sticky: true`"), "{stray}");
}

#[test]
fn what_merged_lists_cannot_tell_is_refused() {
    assert!(refused_or(&FILE.replace("METRIC", "{event: clicked, window: 1d}")).is_ok());
    let with =
        |from: &str, to: &str| FILE.replace("METRIC", "{event: clicked, window: 1d}").replace(from, to);
    for (file, part) in [
        (FILE.replace("METRIC", "{from: label}"), "t.yaml:4:15: `it` cannot be told by the items of an arm"),
        (FILE.replace("METRIC", "{event: clicked}"), "t.yaml:4:15: `it` needs a `window`"),
        (FILE.replace("METRIC", "{event: clicked, window: 0s}"), "t.yaml:4:15: `it` needs a `window`"),
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
            with("}}\n", "}, bad: {event: hidden, window: 1d}}\n")
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
