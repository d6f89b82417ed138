//! Profiles: moments, bins, merging, and live values against a stored profile.

use std::fmt::Write as _;
use std::path::Path;

use mainspring_tables::{BinnedCounts, ColumnProfile, NumericProfile, Profile, Table};
use proptest::prelude::*;
use serde_json::{Value, json};

fn table(rows: impl IntoIterator<Item = (f64, &'static str)>) -> Table {
    let mut text = "x,c\n".to_owned();
    for (x, c) in rows {
        writeln!(text, "{x},{c}").unwrap();
    }
    Table::parse_csv(&text, Path::new("t.csv")).unwrap()
}

fn numeric(profile: &Profile) -> &NumericProfile {
    match profile.column("x") {
        Some(ColumnProfile::Numeric(column)) => column,
        other => panic!("x must be numeric: {other:?}"),
    }
}

#[test]
fn deciles_split_a_uniform_column_evenly() {
    let profile = Profile::of(&table((0..5_000).map(|i| (f64::from(i * 37 % 5_000), "a"))));
    let x = numeric(&profile);
    assert_eq!((x.count, x.min, x.max), (5_000, Some(0.0), Some(4_999.0)));
    assert!((x.mean - 2_499.5).abs() < 1e-9);
    assert!((x.variance().unwrap() - 2_083_750.0).abs() < 1e-3);
    assert_eq!(x.counts.len(), 10);
    assert_eq!(x.counts.iter().sum::<u64>(), 5_000);
    assert!(x.counts.iter().all(|count| (450..=550).contains(count)), "{:?}", x.counts);
}

#[test]
fn few_distinct_values_get_a_bin_each() {
    let profile = Profile::of(&table((0..300).map(|i| (f64::from(i % 3), "a"))));
    assert_eq!(numeric(&profile).edges, [0.0, 0.5, 1.5, 2.0]);
    assert_eq!(numeric(&profile).counts, [100, 100, 100]);
    let constant = Profile::of(&table((0..9).map(|_| (7.0, "a"))));
    assert_eq!(numeric(&constant).counts, [9]);
}

#[test]
fn live_values_fall_into_the_reference_bins() {
    let profile =
        Profile::of(&table((0..300).map(|i| (f64::from(i % 3), if i % 2 == 0 { "UA" } else { "B6" }))));
    let x = profile.column("x").unwrap();
    let live = [json!(0), json!(2.0), json!(-1), json!(9), json!(null), json!("1"), json!("?")];
    assert_eq!(x.counts_of(&live), [1, 1, 1, 1, 1, 2]);
    assert_eq!(x.reference_counts(), [100, 100, 100, 0, 0, 0]);
    let c = profile.column("c").unwrap();
    let mut counts = BinnedCounts::new(c);
    for value in [json!("UA"), json!("XX"), Value::Null] {
        counts.observe(&value);
    }
    assert_eq!(counts.labels(), ["B6", "UA", "other", "missing"]);
    assert_eq!(counts.counts(), [0, 1, 1, 1]);
    assert_eq!(c.reference_counts(), [150, 150, 0, 0]);
}

#[test]
fn a_profile_survives_json() {
    let profile = Profile::of(&table((0..500).map(|i| (f64::from(i).sqrt(), "a"))));
    let text = serde_json::to_string(&profile).unwrap();
    assert_eq!(serde_json::from_str::<Profile>(&text).unwrap(), profile);
}

proptest! {
    #[test]
    fn merging_equals_reading_at_once(values in prop::collection::vec(-1e3_f64..1e3, 2..600), cut in 0.0_f64..1.0) {
        let cut = (values.len() as f64 * cut) as usize;
        let of = |part: &[f64]| {
            let part = part.to_vec();
            NumericProfile::of_values("x", move || part.clone().into_iter().map(Some).collect::<Vec<_>>())
        };
        let whole = of(&values);
        let mut merged = of(&values[..cut]);
        merged.merge(&of(&values[cut..]));
        prop_assert_eq!(merged.count, whole.count);
        prop_assert_eq!(merged.counts.iter().sum::<u64>(), whole.count);
        prop_assert!((merged.mean - whole.mean).abs() < 1e-9);
        prop_assert!((merged.m2 - whole.m2).abs() <= 1e-9 * whole.m2.max(1.0));
        prop_assert_eq!((merged.min, merged.max), (whole.min, whole.max));
    }
}
