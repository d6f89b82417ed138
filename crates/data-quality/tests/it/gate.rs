//! Files that pass, warn and fail.

use std::path::PathBuf;

use mainspring_data_quality::{CheckReport, GateError, GateReport, Verdict, check, render_text, to_junit};

use crate::contracts::contract;

const PROPERTIES: &str = "\
- name: day
  logicalType: integer
  required: true
  logicalTypeOptions: { minimum: 1, maximum: 31 }
- name: carrier
  logicalType: string
  required: true
  logicalTypeOptions: { pattern: '^[A-Z0-9]{2}$' }
  quality:
    - id: known_carrier
      metric: invalidValues
      arguments: { validValues: [UA, B6, 9E] }
      mustBe: 0
- name: temp
  logicalType: number
  logicalTypeOptions: { minimum: -20, maximum: 115 }
  quality:
    - id: few_nulls
      metric: nullValues
      unit: percent
      mustBeLessThan: 40
      severity: warning
- name: dewp
  logicalType: number";

const QUALITY: &str = "\
- id: enough
  metric: rowCount
  mustBeBetween: [2, 100]
- id: once
  metric: duplicateValues
  arguments: { properties: [day, carrier] }
  mustBe: 0
- id: dew_point
  type: sql
  query: SELECT COUNT(*) FROM ${table} WHERE dewp > temp
  mustBe: 0
  description: The dew point never exceeds the temperature.";

fn gate(csv: &str) -> GateReport {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("month.csv");
    std::fs::write(&path, csv).unwrap();
    let mut report = check(&contract(PROPERTIES, QUALITY).unwrap(), std::slice::from_ref(&path)).unwrap();
    // Reports name files as given; tests want a stable name.
    let text = serde_json::to_string(&report).unwrap();
    let text = text.replace(&path.display().to_string(), "month.csv");
    report = serde_json::from_str(&text).unwrap();
    report.seconds = 0.0;
    report
}

fn of<'a>(report: &'a GateReport, name: &str) -> &'a CheckReport {
    report.checks.iter().find(|check| check.name == name).unwrap()
}

fn broken(report: &GateReport) -> Vec<&str> {
    report.broken().iter().map(|check| check.name.as_str()).collect()
}

#[test]
fn a_good_month_passes() {
    let report = gate("day,carrier,temp,dewp\n1,UA,39.9,20\n1,B6,,\n2,9E,41.0,30\n");
    assert_eq!(broken(&report), Vec::<&str>::new());
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.files[0].rows, 3);
}

#[test]
fn a_damaged_month_fails_and_shows_its_rows() {
    let report = gate("day,carrier,temp,dewp\n1,UA,4.0,20\n1,UA,4.0,20\n2,XX,41.0,30\n32,B6,,\n3,B6,,\n");
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(broken(&report), ["day.range", "known_carrier", "once", "dew_point", "few_nulls"]);
    assert_eq!(of(&report, "few_nulls").verdict, Verdict::Warn);
    assert_eq!(of(&report, "few_nulls").measured, Some(40.0));
    assert_eq!(of(&report, "dew_point").failing_rows, 2);
    assert_eq!(of(&report, "once").sample[0].line, 3);
    insta::assert_snapshot!(render_text(&report));
    insta::assert_snapshot!(to_junit(&report));
}

#[test]
fn missing_columns_wrong_types_nan_and_empty_files_never_pass() {
    let report = gate("day,carrier,dewp\n1,UA,3\n2,UA,3\n");
    assert_eq!(of(&report, "columns").message, "missing columns: temp");
    assert_eq!(of(&report, "temp.range").verdict, Verdict::Fail);
    assert_eq!(of(&report, "dew_point").verdict, Verdict::Fail);

    let report = gate("day,carrier,temp,dewp\nMonday,UA,39.9,20\n2,UA,warm,20\n");
    assert_eq!(of(&report, "day.logicalType").failing_rows, 1);
    assert_eq!(of(&report, "temp.logicalType").sample[0].line, 3);

    let report = gate("day,carrier,temp,dewp\n1,UA,NaN,20\n2,UA,inf,20\n3,UA,1,20\n");
    assert_eq!(of(&report, "temp.logicalType").failing_rows, 2);

    assert_eq!(gate("day,carrier,temp,dewp\n").verdict, Verdict::Fail);
    assert_eq!(of(&gate(""), "readable").verdict, Verdict::Fail);
    assert_eq!(of(&gate("day,carrier\n1\n"), "readable").verdict, Verdict::Fail);
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let contract = contract(PROPERTIES, QUALITY).unwrap();
    assert!(matches!(check(&contract, &[]), Err(GateError::NoFiles)));
    let missing = PathBuf::from("/nonexistent/month.csv");
    assert!(matches!(check(&contract, &[missing]), Err(GateError::Unreadable(_))));
}
