//! From rows to what is known of an A/B test, and what its file may say.

use mainspring_domain::Timestamp;
use mainspring_domain::ab::{AbExposure, AbMirrored, AbServed, MetricEvent};
use mainspring_rollouts::ab::{
    AbSpec, Collected, Group, Query, QueryRow, Start, Stretch, by_arrival, by_attribute, snapshot,
};
use mainspring_stats::decide::{Arm, Evidence, Signs, Snapshot};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

pub(crate) const HOUR: i64 = 3_600_000;

pub(crate) fn spec(metrics: &str) -> AbSpec {
    let text = format!(
        "name: t\nmodel: m\narms: [{{name: a, version: 1}}, {{name: b, version: 2}}]\nmetrics: {{it: {metrics}}}\n\
         goals: [{{metric: it, better: higher}}]\nplan: {{planned_units: 1000}}\n"
    );
    AbSpec::parse(&text, Path::new("t.yaml")).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn shadow(metrics: &str) -> AbSpec {
    refused_or(&format!(
        "name: t\nmodel: m\nmode: shadow\narms: [{{name: a, version: 1}}, {{name: b, version: 2}}]\n\
         metrics: {{it: {metrics}}}\ngoals: [{{metric: it, better: higher}}]\nplan: {{planned_units: 1000}}\n"
    ))
    .unwrap()
}

pub(crate) fn refused_or(text: &str) -> Result<AbSpec, String> {
    AbSpec::parse(text, Path::new("t.yaml")).map_err(|error| error.to_string())
}

pub(crate) fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(hours * HOUR)
}

pub(crate) fn exposure(unit: &str, arm: u16, hours: i64) -> AbExposure {
    AbExposure { unit: unit.to_owned(), arm, first: at(hours), times: 1, crossed: false }
}

pub(crate) fn served(unit: &str, version: u32, hours: i64) -> AbServed {
    AbServed {
        unit: unit.to_owned(),
        version,
        time: at(hours),
        latency_us: 1000,
        failed: false,
        failures: 0,
        score: Some(0.5),
        label: None,
    }
}

pub(crate) fn event(unit: &str, hours: i64, value: f64) -> MetricEvent {
    let id = format!("{unit} {hours} {value}");
    MetricEvent { id, name: "paid".to_owned(), unit: unit.to_owned(), value, time: at(hours), about: None }
}

/// What is known at hour 100 of a phase that began at hour 0.
pub(crate) fn known(spec: &AbSpec, collected: &Collected) -> Snapshot {
    snapshot(spec, collected, at(0), at(100), Vec::new())
}

pub(crate) fn split(spec: &AbSpec, collected: &Collected) -> Vec<Arm> {
    let found = known(spec, collected);
    let Some(Evidence::Split(arms)) = found.metrics.get("it") else { panic!("{found:?}") };
    arms.clone()
}

pub(crate) fn close(left: f64, right: f64) {
    assert!((left - right).abs() <= 1e-12 * right.abs().max(1.0), "{left} is not {right}");
}

pub(crate) fn of_events(events: Vec<MetricEvent>, units: u32) -> Collected {
    let mut collected = Collected::default();
    for n in 0..units {
        collected.exposures.push(exposure(&format!("u{n}"), u16::from(n % 2 == 1), 10));
    }
    collected.events.insert("paid".to_owned(), events);
    collected
}

#[test]
fn events_count_within_the_window_and_units_when_it_is_over() {
    let mut collected = of_events(
        vec![
            event("u0", 9, 1.0),   // before the exposure
            event("u0", 10, 2.0),  // at it
            event("u0", 15, 4.0),  // at the end of the window
            event("u0", 16, 8.0),  // after it
            event("u9", 97, 16.0), // the unit is not due
        ],
        2,
    );
    collected.exposures.push(exposure("u9", 0, 96));
    let arms = split(&spec("{event: paid, outcome: sum, window: 5h}"), &collected);
    assert_eq!((arms[0].sample.n, arms[1].sample.n), (1, 1));
    close(arms[0].sample.mean, 6.0);
    close(arms[1].sample.mean, 0.0);
    let arms = split(&spec("{event: paid, outcome: sum, cap: 5, window: 5h}"), &collected);
    close(arms[0].sample.mean, 5.0);
    let arms = split(&spec("{event: paid, outcome: count, window: 5h}"), &collected);
    close(arms[0].sample.mean, 2.0);
    let arms = split(&spec("{event: paid, outcome: any}"), &collected);
    assert_eq!(arms[0].sample.n, 2, "without a window every unit is due");
    close(arms[0].sample.mean, 1.0);
}

#[test]
fn the_same_rows_in_any_order_give_the_same_bits() {
    let events: Vec<MetricEvent> =
        (0..500_u32).map(|n| event(&format!("u{}", n % 100), 11, f64::from(n * 7919 % 1000) * 0.1)).collect();
    let spec = spec("{event: paid, outcome: sum}");
    let forwards = known(&spec, &of_events(events.clone(), 100));
    let mut turned: Vec<MetricEvent> = events;
    // As the store gives them: units in another order, those of a unit in order of time.
    turned.sort_by(|a, b| b.unit.cmp(&a.unit));
    assert_eq!(forwards, known(&spec, &of_events(turned, 100)));
}

#[test]
fn what_units_did_before_takes_noise_away() {
    let mut events = Vec::new();
    for n in 0..400_u32 {
        let usual = f64::from(n * 7919 % 100);
        let unit = format!("u{n}");
        events.push(event(&unit, 5, usual));
        events.push(event(&unit, 20, usual + f64::from(n % 2)));
    }
    let collected = of_events(events, 400);
    let plain = split(&spec("{event: paid, outcome: sum}"), &collected);
    let adjusted = split(&spec("{event: paid, outcome: sum, cuped: 8h}"), &collected);
    assert!(adjusted[0].sample.variance < plain[0].sample.variance / 1000.0, "{adjusted:?} {plain:?}");
    let gain = adjusted[1].sample.mean - adjusted[0].sample.mean;
    assert!((gain - 1.0).abs() < 0.01, "{gain}");
}

#[test]
fn a_ratio_divides_sums_and_units_are_what_varies() {
    let mut collected = of_events(vec![event("u0", 11, 6.0), event("u2", 11, 2.0), event("u1", 11, 3.0)], 4);
    let visits = |unit: &str, n: i64| {
        (0..n).map(|turn| MetricEvent { name: "visit".to_owned(), ..event(unit, 11, turn as f64) }).collect()
    };
    let all: Vec<Vec<MetricEvent>> = vec![visits("u0", 2), visits("u2", 2), visits("u1", 1), visits("u3", 1)];
    let all = all.into_iter().flatten().map(|one| MetricEvent { value: 1.0, ..one }).collect();
    collected.events.insert("visit".to_owned(), all);
    let arms = split(&spec("{event: paid, per: visit}"), &collected);
    close(arms[0].sample.mean, 2.0);
    close(arms[1].sample.mean, 1.5);
    assert_eq!(arms[0].sample.n, 2);
}

#[test]
fn a_share_of_which_all_say_the_same_is_not_certain() {
    let mut collected = Collected::default();
    for n in 0..200_u32 {
        let arm = n % 2;
        let unit = format!("u{n:03}");
        collected.exposures.push(exposure(&unit, u16::from(arm == 1), 1));
        collected.served.push(served(&unit, arm + 1, 1));
    }
    let arms = split(&spec("{from: error}"), &collected);
    close(arms[0].sample.mean, 0.0);
    assert!(arms[0].sample.variance > 0.0, "no failure among 100 does not say that there is none");
    let arms = split(&spec("{event: paid}"), &collected);
    assert!(arms[0].sample.variance > 0.0);
    let arms = split(&spec("{event: paid, cuped: 1h}"), &collected);
    assert!(arms[0].undecided.is_some() || arms[0].sample.variance > 0.0, "{arms:?}");
}

#[test]
fn failures_before_a_retry_count_and_other_versions_do_not() {
    let mut collected = Collected::default();
    for (unit, version, failures) in [("a", 1, 0), ("b", 1, 3), ("c", 2, 0)] {
        collected.exposures.push(exposure(unit, 0, 1));
        collected.served.push(AbServed { failures, ..served(unit, version, 1) });
    }
    let arms = split(&spec("{from: error}"), &collected);
    assert_eq!(arms[0].sample.n, 2, "version 2 is not of this arm");
    close(arms[0].sample.mean, 3.0 / 5.0);
    let arms = split(&spec("{from: latency_ms}"), &collected);
    close(arms[0].sample.mean, 1.0);
    assert_eq!((arms[0].known.units_due, arms[0].known.units), (3, 2));
}

#[test]
fn labels_are_awaited_by_outcome_and_late_ones_do_not_count() {
    let mut collected = Collected::default();
    let labelled = |unit: &str, hours: i64, label: Option<(f64, i64)>| {
        let label = label.map(|(label, at_hour)| (label, at(at_hour)));
        AbServed { label, ..served(unit, 1, hours) }
    };
    for unit in ["a", "b", "c"] {
        collected.exposures.push(exposure(unit, 0, 1));
    }
    collected.served = vec![
        labelled("a", 1, Some((1.0, 5))),
        labelled("a", 2, Some((1.0, 60))), // later than the window
        labelled("a", 99, None),           // not due
        labelled("b", 1, None),
        labelled("c", 1, Some((0.0, 2))),
    ];
    let arms = split(&spec("{from: label, window: 10h}"), &collected);
    close(arms[0].sample.mean, 0.5);
    let known = arms[0].known;
    assert_eq!((known.units_due, known.units), (3, 1), "{known:?}");
    assert_eq!((known.outcomes_due, known.outcomes), (4, 2), "{known:?}");
}

#[test]
fn a_failed_answer_is_not_right() {
    let mut collected = Collected::default();
    for n in 0..100_u32 {
        let unit = format!("u{n:02}");
        collected.exposures.push(exposure(&unit, 0, 1));
        let (failed, score) = if n < 20 { (true, None) } else { (false, Some(0.9)) };
        collected.served.push(AbServed { failed, score, label: Some((1.0, at(2))), ..served(&unit, 1, 1) });
    }
    let arms = split(&spec("{from: correct}"), &collected);
    close(arms[0].sample.mean, 0.8);
}

#[test]
fn the_error_of_a_quantile_knows_that_requests_of_a_unit_are_alike() {
    let served_by = |per_unit: u32| {
        let mut collected = Collected::default();
        for n in 0..2000_u32 {
            let unit = format!("u{:04}", n / per_unit);
            if n % per_unit == 0 {
                collected.exposures.push(exposure(&unit, 0, 1));
            }
            // All requests of a unit take as long.
            let latency_us = i64::from((n / per_unit) * 7919 % 1000) * 1000;
            collected.served.push(AbServed { latency_us, ..served(&unit, 1, 1) });
        }
        split(&spec("{from: latency_ms, quantile: 0.5}"), &collected)[0]
    };
    let (apart, alike) = (served_by(1), served_by(10));
    let error = |arm: Arm| {
        assert!(arm.undecided.is_none(), "{arm:?}");
        (arm.sample.variance / arm.sample.n as f64).sqrt()
    };
    let times = error(alike) / error(apart);
    assert!((2.0..5.0).contains(&times), "ten alike say as much as one: {times} times the error, not 3.2");
}

#[test]
fn units_of_two_arms_count_in_none() {
    let mut collected = of_events(vec![event("u0", 11, 5.0)], 4);
    collected.exposures[0].crossed = true;
    collected.exposures.push(exposure("of an arm that is gone", 7, 1));
    let found = known(&spec("{event: paid, outcome: sum}"), &collected);
    assert_eq!((found.units, found.seen_in_several), (vec![1, 2], 2));
    let mut collected = of_events(vec![event("u0", 11, 5.0), event("u2", 11, 3.0), event("u3", 11, 1.0)], 6);
    collected.exposures[0].crossed = true;
    let arms = split(&spec("{event: paid, outcome: sum}"), &collected);
    assert_eq!((arms[0].sample.n, arms[1].sample.n), (2, 3), "its events are in neither");
    close(arms[0].sample.mean, 1.5);
    close(arms[1].sample.mean, 1.0 / 3.0);
}

/// The squared error of a mean of 2,000 requests, and what it is when those of a unit are alike.
fn squared_error(arm: Arm, per_unit: u32) {
    let n = f64::from(2000 / per_unit);
    assert!(arm.undecided.is_none(), "{arm:?}");
    assert_eq!(arm.sample.n, 2000 / u64::from(per_unit), "units, not requests, are what was randomised");
    close(arm.sample.mean, 99.5);
    // The values 0 to 199, each as often: their variance is (200² - 1) / 12.
    let expected = 39_999.0 / 12.0 * n / (n - 1.0) / n;
    close(arm.sample.variance / arm.sample.n as f64, expected);
}

#[test]
fn the_error_of_a_mean_of_requests_is_that_of_units() {
    for per_unit in [1, 10] {
        let mut collected = Collected::default();
        for n in 0..2000_u32 {
            let unit = format!("u{:04}", n / per_unit);
            if n % per_unit == 0 {
                collected.exposures.push(exposure(&unit, 0, 1));
            }
            let latency_us = i64::from(n / per_unit % 200) * 1000;
            collected.served.push(AbServed { latency_us, ..served(&unit, 1, 1) });
        }
        squared_error(split(&spec("{from: latency_ms}"), &collected)[0], per_unit);
    }
}

#[test]
fn the_error_of_a_ratio_is_that_of_units() {
    for per_unit in [1, 10] {
        let mut collected = Collected::default();
        let (mut paid, mut visits) = (Vec::new(), Vec::new());
        for n in 0..2000_u32 {
            let unit = format!("u{:04}", n / per_unit);
            if n % per_unit == 0 {
                collected.exposures.push(exposure(&unit, 0, 10));
            }
            paid.push(event(&unit, 11, f64::from(n / per_unit % 200)));
            visits.push(MetricEvent { name: "visit".to_owned(), ..event(&unit, 11, 1.0) });
        }
        collected.events = [("paid".to_owned(), paid), ("visit".to_owned(), visits)].into();
        squared_error(split(&spec("{event: paid, per: visit}"), &collected)[0], per_unit);
    }
}

fn pair(unit: &str, control: f64, candidate: f64) -> AbMirrored {
    let answered = |version, score| AbServed {
        score: Some(score),
        label: Some((1.0, at(2))),
        ..served(unit, version, 1)
    };
    AbMirrored {
        unit: unit.to_owned(),
        version: 2,
        control: answered(1, control),
        candidate: answered(2, candidate),
    }
}

#[test]
fn a_unit_is_one_coin_of_the_sign_test() {
    // Twice the candidate is right alone, once the control: the unit is the candidate's.
    let (won, lost, even) = ((0.1, 0.9), (0.9, 0.1), (0.9, 0.9));
    let asked = [("a", won), ("a", won), ("a", lost), ("b", lost), ("c", even)];
    let mirrored = asked.map(|(unit, (control, candidate))| pair(unit, control, candidate)).to_vec();
    let collected = Collected { mirrored, ..Collected::default() };
    let found = known(&shadow("{from: correct, window: 40h}"), &collected);
    let Some(Evidence::Signs(signs)) = found.metrics.get("it") else { panic!("{found:?}") };
    let Signs { test, known } = signs[0];
    assert_eq!((test.only_candidate, test.only_champion), (1, 1));
    assert_eq!((known.units, known.outcomes), (3, 5));
    assert_eq!(found.units, [3, 3]);
}

#[test]
fn a_coin_that_was_seen_does_not_turn() {
    let asked = |hours: i64, (control, candidate): (f64, f64)| {
        let mut pair = pair("a", control, candidate);
        for served in [&mut pair.control, &mut pair.candidate] {
            served.time = at(hours);
            served.label = Some((1.0, at(hours + 1)));
        }
        pair
    };
    let (won, lost) = ((0.1, 0.9), (0.9, 0.1));
    let coin = |metric: &str, now: i64, mirrored: &[AbMirrored]| {
        let collected = Collected { mirrored: mirrored.to_vec(), ..Collected::default() };
        let found = snapshot(&shadow(metric), &collected, at(0), at(now), Vec::new());
        let Some(Evidence::Signs(signs)) = found.metrics.get("it") else { panic!("{found:?}") };
        let Signs { test, known } = signs[0];
        (test.only_champion, test.only_candidate, known.outcomes_due)
    };
    let mut pairs = vec![asked(10, won), asked(12, lost), asked(13, lost)];
    let windowed = "{from: correct, window: 5h}";
    assert_eq!(coin(windowed, 19, &pairs), (0, 0, 0), "it may come back until hour 15");
    assert_eq!(coin(windowed, 20, &pairs), (1, 0, 3));
    assert_eq!(coin("{from: correct}", 20, &pairs), (0, 1, 1), "its first request");
    pairs.extend([asked(16, won), asked(17, won), asked(18, won)]);
    assert_eq!(coin(windowed, 99, &pairs), (1, 0, 3));
    assert_eq!(coin("{from: correct}", 99, &pairs), (0, 1, 1));
}

#[test]
fn differences_that_are_all_alike_have_no_error() {
    let mirrored = (0..200).map(|n| pair(&format!("u{n:03}"), 0.2, 0.9)).collect();
    let collected = Collected { mirrored, ..Collected::default() };
    let paired = |spec: &AbSpec| {
        let found = known(spec, &collected);
        let Some(Evidence::Paired(arms)) = found.metrics.get("it") else { panic!("{found:?}") };
        arms[0]
    };
    let off = paired(&shadow("{from: absolute_error}"));
    close(off.sample.mean, -0.7);
    assert!(off.sample.variance == 0.0, "rounding is no variance: {off:?}");
    let failed = paired(&shadow("{from: error}"));
    assert!(failed.sample.variance > 0.0, "{failed:?}");
}

#[test]
fn the_shadow_measures_answers_and_nothing_else() {
    let file = |metric: &str, guardrails: &str, scale: &str| {
        refused_or(&format!(
            "name: t\nmodel: m\nmode: shadow\narms: [{{name: a, version: 1}}, {{name: b, version: 2}}]\n\
             metrics: {{it: {metric}, right: {{from: correct}}}}\ngoals: [{{metric: it, better: higher{scale}}}]\n\
             guardrails: [{guardrails}]\nplan: {{planned_units: 1000}}\n"
        ))
    };
    let refused = |metric: &str, guardrails: &str, scale: &str, part: &str| {
        let error = file(metric, guardrails, scale).expect_err(metric);
        assert!(error.contains(part), "{error}");
    };
    file("{from: brier}", "", "").unwrap();
    refused("{event: paid}", "", "", "t.yaml:5");
    refused("{event: paid, per: visit}", "", "", "nobody sees a candidate");
    refused("{from: latency_ms, quantile: 0.9}", "", "", "nobody sees a candidate");
    refused("{from: brier}", "", ", scale: log_ratio", "t.yaml:6");
    refused("{from: brier}", "{metric: right, better: higher, margin: 0.1}", "", "know no margin");
}

#[test]
fn a_hash_with_too_few_places_is_refused() {
    let file = |hash: &str, coverage: &str, units: u64| {
        refused_or(&format!(
            "name: t\nmodel: m\narms: [{{name: a, version: 1}}, {{name: b, version: 2, weight: 2}}]\n\
             metrics: {{it: {{from: error}}}}\ngoals: [{{metric: it, better: lower}}]\n\
             assignment: {{hash: {hash}, coverage: {coverage}}}\nplan: {{planned_units: {units}}}\n"
        ))
    };
    // A thousandth of a thousand places is one place.
    let error = file("growthbook-v1", "0.005", 200_000).unwrap_err();
    assert!(error.contains("t.yaml:6") && error.contains("too few places"), "{error}");
    file("native", "0.005", 200_000).unwrap();
    file("growthbook", "1", 200_000).unwrap();
}

fn query() -> Query {
    Query { source: "dwh".to_owned(), sql: "SELECT * FROM paid".to_owned() }
}

fn row(event: &MetricEvent) -> QueryRow {
    QueryRow { unit: event.unit.clone(), time: event.time, value: event.value }
}

#[test]
fn rows_of_queries_count_as_the_same_events_do() {
    let events: Vec<MetricEvent> = (0..2000_u32)
        .map(|n| {
            let hours = i64::from(n * 31 % 40);
            event(&format!("u{}", n * 17 % 230), hours, f64::from(n * 7919 % 1000) * 0.1)
        })
        .collect();
    let mut ordered = events.clone();
    // As the store orders them; the value stands for the id.
    ordered.sort_by(|a, b| (&a.unit, a.time).cmp(&(&b.unit, b.time)).then(a.value.total_cmp(&b.value)));
    let (by_events, mut by_query) = (of_events(ordered, 200), of_events(Vec::new(), 200));
    by_query.answers.insert(query(), events.iter().map(row).collect());
    let mut turned = by_query.clone();
    turned.answers.insert(query(), events.iter().rev().map(row).collect());
    for more in [
        "outcome: sum",
        "outcome: sum, window: 9h, cap: 120",
        "outcome: sum, cuped: 6h",
        "outcome: count, window: 9h",
        "outcome: any, window: 2h",
    ] {
        let of_query = spec(&format!("{{sql: SELECT * FROM paid, source: dwh, {more}}}"));
        let found = known(&of_query, &by_query);
        assert_eq!(found, known(&spec(&format!("{{event: paid, {more}}}")), &by_events), "{more}");
        assert_eq!(found, known(&of_query, &turned), "{more}");
    }
}

#[test]
fn a_query_that_was_not_asked_is_undecided() {
    let arms =
        split(&spec("{sql: SELECT * FROM other, source: dwh}"), &of_events(vec![event("u0", 11, 1.0)], 200));
    assert!(arms.iter().all(|arm| arm.undecided.is_some()), "{arms:?}");
}

#[test]
fn each_query_is_asked_once() {
    let text = "name: t\narms: [{name: a}, {name: b}]\nmetrics:\n\
                \x20 buyers: {sql: SELECT * FROM paid, source: dwh}\n\
                \x20 money: {sql: SELECT * FROM paid, source: dwh, outcome: sum, cuped: 2h}\n\
                \x20 calls: {sql: SELECT * FROM calls, source: crm, outcome: count}\n\
                \x20 clicks: {event: click}\n\
                goals: [{metric: money, better: higher}]\nplan: {planned_units: 1000}\n";
    let spec = refused_or(text).unwrap();
    let wanted = Collected::wanted_queries(&spec);
    let shown: Vec<(&str, &str, bool)> =
        wanted.iter().map(|one| (one.query.source.as_str(), one.metric.as_str(), one.values)).collect();
    assert_eq!(shown, [("crm", "calls", false), ("dwh", "buyers", true)]);
    assert_eq!(Collected::wanted_events(&spec), ["click"]);
    let other = text.replacen("FROM paid", "FROM payments", 1);
    assert_eq!(refused_or(&other).unwrap().needs_new_phase(&spec), Some("the metrics"));
}

#[test]
fn queries_that_cannot_be_are_refused() {
    let metric = |metric: &str| {
        refused_or(&format!(
            "name: t\narms: [{{name: a}}, {{name: b}}]\nmetrics:\n  it: {metric}\n\
             goals: [{{metric: it, better: higher}}]\nplan: {{planned_units: 1000}}\n"
        ))
    };
    for (text, message) in [
        ("{sql: SELECT 1}", "t.yaml:4:7: a metric with `sql` has no `source`"),
        ("{event: paid, source: dwh}", "t.yaml:4:29: `source` goes with `sql`"),
        ("{event: paid, sql: SELECT 1, source: dwh}", "needs one of `from`, `event` and `sql`"),
        ("{sql: SELECT 1, source: dwh, per: visit}", "t.yaml:4:41: `per` goes with `event`, not with `sql`"),
        ("{sql: SELECT 1, source: dwh, quantile: 0.5}", "`quantile` goes with `from`, not with `sql`"),
        ("{from: error, outcome: sum}", "`outcome` goes with `event` or `sql`, not with `from`"),
        ("{sql: DELETE FROM paid, source: dwh}", "t.yaml:4:13: `sql` is not a query"),
        ("{sql: '', source: dwh}", "`sql` is not a query"),
        ("{sql: -- SELECT 1, source: dwh}", "`sql` is not a query"),
        ("{sql: 5, source: dwh}", "`sql` must be text"),
    ] {
        let error = metric(text).unwrap_err();
        assert!(error.contains(message), "{text}: {error}");
    }
    let long = format!("{{sql: SELECT {}, source: dwh}}", "1".repeat(20_000));
    assert!(metric(&long).unwrap_err().contains("at most 20000 bytes"));
    for sql in ["select 1", "With x AS (SELECT 1) SELECT * FROM x", "'/* why */ -- how\n\n SELECT 1'"] {
        let sql = sql.replace('\n', "\\n").replace('\'', "\"");
        metric(&format!("{{sql: {sql}, source: dwh}}")).unwrap();
    }
    let many: String = (0..11).map(|n| format!("  m{n}: {{sql: SELECT {n}, source: dwh}}\n")).collect();
    let error = refused_or(&format!(
        "name: t\narms: [{{name: a}}, {{name: b}}]\nmetrics:\n{many}\
         goals: [{{metric: m1, better: higher}}]\nplan: {{planned_units: 1000}}\n"
    ));
    assert!(error.unwrap_err().contains("more than 10 queries"));
    let error = refused_or(
        "name: t\nmodel: m\nmode: shadow\narms: [{name: a, version: 1}, {name: b, version: 2}]\n\
         metrics: {it: {sql: SELECT 1, source: dwh}}\ngoals: [{metric: it, better: higher}]\nplan: {planned_units: 9}\n",
    );
    assert!(error.unwrap_err().contains("cannot be measured in the mode `shadow`"));
}

#[test]
fn a_database_that_there_is_not_is_named_with_its_place() {
    let text = "name: t\narms: [{name: a}, {name: b}]\nmetrics:\n  it: {sql: SELECT 1, source: warehose}\n\
                goals: [{metric: it, better: higher}]\nplan: {planned_units: 1000}\n";
    let read = |known: &[&str]| AbSpec::parse_with_sources(text, Path::new("t.yaml"), known);
    assert!(read(&["crm", "warehose"]).is_ok());
    let error = read(&["crm", "warehouse"]).unwrap_err();
    assert_eq!(error.to_string(), "t.yaml:4:31: unknown source `warehose`; expected one of crm, warehouse");
    assert_eq!(error.hint, "did you mean `warehouse`?");
    let error = read(&[]).unwrap_err();
    assert_eq!(error.hint, "add [warehouse.warehose] to `mainspring.toml`, and restart the server");
}

fn by(values: impl Fn(u32) -> Option<Value>) -> Vec<Group> {
    let collected = of_events(vec![event("u0", 11, 5.0)], 100);
    let held: HashMap<String, Value> = (0..100).filter_map(|n| Some((format!("u{n}"), values(n)?))).collect();
    let time = Stretch { started: at(0), now: at(100) };
    by_attribute(&spec("{event: paid, outcome: sum}"), collected, &held, time)
}

fn named(groups: &[Group]) -> Vec<(&str, u64)> {
    groups.iter().map(|group| (group.name.as_str(), group.snapshot.units.iter().sum())).collect()
}

#[test]
fn units_are_grouped_by_an_attribute() {
    let carriers = by(|n| (n < 90).then(|| json!(if n % 3 == 0 { "AA" } else { "UA" })));
    assert_eq!(named(&carriers), [("UA", 60), ("AA", 30)], "those without it are in none");
    let Some(Evidence::Split(arms)) = carriers[1].snapshot.metrics.get("it") else { panic!() };
    assert!(arms[0].sample.mean > 0.0, "its events count in its group");
    let Some(Evidence::Split(arms)) = carriers[0].snapshot.metrics.get("it") else { panic!() };
    close(arms[0].sample.mean, 0.0);

    let numbers = by(|n| Some(json!(n)));
    assert_eq!(
        named(&numbers),
        [("below 25", 25), ("25 to below 50", 25), ("50 to below 75", 25), ("75 and above", 25)]
    );
    let few = by(|n| Some(json!(n % 2 == 0)));
    assert_eq!(named(&few), [("false", 50), ("true", 50)]);
    let many = by(|n| Some(json!(format!("c{:02}", n % 20))));
    assert_eq!(many.len(), 12);
    assert_eq!(named(&many)[11], ("others", 45));
    // Most have the same value: bands that hold nothing are not there.
    let skewed = by(|n| Some(json!(n.saturating_sub(80))));
    assert_eq!(named(&skewed).len(), 1, "{:?}", named(&skewed));
    assert!(by(|_| Some(json!([1]))).is_empty() && by(|_| None).is_empty());
}

#[test]
fn units_are_grouped_by_when_they_came() {
    let mut collected = of_events(vec![], 0);
    for n in 0..80_u32 {
        collected.exposures.push(exposure(&format!("u{n}"), u16::from(n % 2 == 1), i64::from(80 - n)));
    }
    let time = Stretch { started: at(0), now: at(100) };
    let groups = by_arrival(&spec("{event: paid, outcome: sum}"), collected, time);
    assert_eq!(groups.len(), 8);
    assert_eq!(groups[0].came, (at(1), at(10)), "the first ones first");
    assert_eq!(groups[7].came, (at(71), at(80)));
    assert!(groups.iter().all(|group| group.snapshot.units == [5, 5]));
    let nobody = by_arrival(&spec("{event: paid, outcome: sum}"), Collected::default(), time);
    assert!(nobody.is_empty());
}

#[test]
fn weights_may_follow_results() {
    let file = |bandit: &str, more: &str| {
        refused_or(&format!(
            "name: t\nmodel: m\narms: [{{name: a, version: 1}}, {{name: b, version: 2}}]\n\
             metrics: {{it: {{from: label}}}}\ngoals: [{{metric: it, better: higher}}]\n\
             bandit: {bandit}\nplan: {{planned_units: 900{more}}}\n"
        ))
    };
    let spec = file("{by: top_two, every: 2h, floor: 0.1}", "").unwrap();
    let bandit = spec.bandit.unwrap();
    assert_eq!((bandit.every.as_secs(), bandit.floor, spec.plan.earning), (7200, 0.1, true));
    let weighted = spec.clone().weighted(Some(&[0.25, 0.75]));
    assert_eq!((weighted.arms[1].weight, weighted.plan.weights.as_slice()), (0.75, &[0.25, 0.75][..]));
    assert_eq!(spec.clone().weighted(Some(&[1.0])), spec, "weights for other arms");
    assert_eq!(spec.clone().weighted(None), spec);
    let plain = file("{}", "").unwrap();
    assert_eq!(plain.needs_new_phase(&spec), None, "how weights follow is no new test");
    for (bandit, more, part) in [
        ("{by: greedy}", "", "t.yaml:6:14: unknown by `greedy`"),
        ("{every: 5m}", "", "below an hour"),
        ("{floor: 0.5}", "", "above 0 and below 0.50"),
        ("{floor: 0}", "", "above 0"),
        ("{often: 1d}", "", "often"),
        ("{}", ", same_arms: true", "earn the same"),
        ("{}", ", method: looks", "counted looks"),
    ] {
        let error = file(bandit, more).unwrap_err();
        assert!(error.contains(part), "{bandit}{more}: {error}");
    }
}

#[test]
fn what_matters_is_told_with_a_goal() {
    let file = |goal: &str| {
        refused_or(&format!(
            "name: t\nmodel: m\narms: [{{name: a, version: 1}}, {{name: b, version: 2}}]\n\
             metrics: {{it: {{from: latency_ms}}}}\ngoals: [{{metric: it, {goal}}}]\nplan: {{planned_units: 9}}\n"
        ))
    };
    let with = file("better: lower, scale: log_ratio, effect: 0.1").unwrap();
    assert_eq!(with.effects.get("it"), Some(&0.1));
    let without = file("better: lower, scale: log_ratio").unwrap();
    assert!(without.effects.is_empty());
    assert_eq!(with.needs_new_phase(&without), None, "no rule goes by it");
    for goal in [
        "better: higher, effect: 0",
        "better: higher, effect: -1",
        "better: lower, scale: log_ratio, effect: 1",
    ] {
        let error = file(goal).unwrap_err();
        assert!(error.contains("t.yaml:5") && error.contains("`effect` is how much better"), "{error}");
    }
}

#[test]
fn a_start_is_a_time_or_when_it_can() {
    let with = |start: &str| refused_or(&SHORT.replace("START", start)).map(|spec| spec.start);
    assert_eq!(with(""), Ok(None));
    assert_eq!(with("start: ready"), Ok(Some(Start::Ready)));
    let from = with("start: 1970-01-01T05:00:00Z").unwrap().unwrap();
    assert_eq!(from, Start::From(at(5)));
    assert_eq!((from.is_due(at(4)), from.is_due(at(5)), Start::Ready.is_due(at(0))), (false, true, true));
    for wrong in ["start: tomorrow", "start: [ready]", "start: 5m"] {
        let refused = with(wrong).unwrap_err();
        assert!(refused.contains("start"), "{refused}");
    }
}

const SHORT: &str = "name: t\narms: [{name: a}, {name: b}]\nmetrics: {it: {event: e}}\n\
                     goals: [{metric: it, better: higher}]\nplan: {planned_units: 1000}\nSTART\n";

#[test]
fn impossible_weights_are_refused_with_their_line() {
    let file = |control: &str, candidate: &str, more: &str| {
        format!(
            "name: t\nmetrics: {{it: {{event: paid}}}}\ngoals: [{{metric: it, better: higher}}]\n\
             arms:\n- {{name: a, weight: {control}}}\n- {{name: b, weight: {candidate}}}\n{more}plan: {{planned_units: 900}}\n"
        )
    };
    for (control, candidate, message, hint) in [
        ("1", "0", "t.yaml:5:3: no candidate has weight", "a `weight` above 0"),
        ("1", "-0.0", "t.yaml:5:3: no candidate has weight", "a `weight` above 0"),
        ("0", "0", "t.yaml:5:3: all weights are zero", "at least the control"),
        ("0", "1", "t.yaml:5:3: the control `a` has no weight", "give it a `weight`"),
        ("1", "-1", "t.yaml:6:3: a weight is negative", "from 0"),
        ("-1", "1", "t.yaml:5:3: a weight is negative", "from 0"),
        ("1", ".nan", "t.yaml:6:21: not valid YAML: non-finite float `.nan`", ""),
        ("1", ".inf", "t.yaml:6:21: not valid YAML: non-finite float `.inf`", ""),
        ("1", "-.inf", "t.yaml:6:21: not valid YAML: non-finite float `-.inf`", ""),
        ("1", "NaN", "t.yaml:6:21: `weight` must be a number", ""),
        ("1", "1e309", "t.yaml:6:21: ", ""),
        ("1e308", "1e308", "t.yaml:5:3: the weights are too large to be added", "shares"),
        (
            "1e308",
            "1",
            "t.yaml:5:3: the arm `b` would get less than one unit in a million",
            "a larger weight",
        ),
    ] {
        let text = file(control, candidate, "");
        let read =
            AbSpec::parse_with_sources(&text, Path::new("t.yaml"), &[]).map_err(|error| error.to_string());
        assert_eq!(read, refused_or(&text), "the server and the command line say the same");
        let error = AbSpec::parse(&text, Path::new("t.yaml")).expect_err(&text);
        assert!(error.to_string().starts_with(message), "{control} {candidate}: {error}");
        assert!(error.hint.contains(hint), "{control} {candidate}: {}", error.hint);
    }
    let shares = |text: &str| refused_or(text).unwrap().plan.weights;
    assert_eq!(shares(&file("1e307", "1e307", "")), [0.5, 0.5]);
    // One of several may be without, from the beginning or by a phase of a bandit.
    let three = file("1", "1", "- {name: c, weight: 0}\n");
    assert_eq!(shares(&three), [0.5, 0.5, 0.0]);
    let bandit = refused_or(&format!("{three}bandit: {{floor: 0.1}}\n")).unwrap();
    assert_eq!(bandit.weighted(Some(&[0.5, 0.0, 0.5])).plan.weights, [0.5, 0.0, 0.5]);
    // A test that was accepted before can still be read.
    let before = AbSpec::parse_accepted(&file("1", "0", ""), Path::new("t.yaml")).unwrap();
    assert_eq!(before.plan.weights, [1.0, 0.0]);
}
