//! CSV files, good and bad.

use std::path::Path;

use mainspring_tables::{Kind, ReadOptions, Table, TableError};
use proptest::prelude::*;
use serde_json::json;

fn parse(text: &str) -> Result<Table, TableError> {
    Table::parse_csv(text, Path::new("month.csv"))
}

#[test]
fn kinds_nulls_and_values() {
    let table = parse("carrier,hour,temp,late\nUA,5,39.02,True\nNA,NA,,false\n,7,NaN,\n").unwrap();
    let kinds: Vec<Kind> = table.columns().map(|column| column.kind()).collect();
    assert_eq!(kinds, [Kind::Text, Kind::Integer, Kind::Number, Kind::Boolean]);
    assert_eq!(table.rows(), 3);
    assert_eq!(table.row(0), [json!("UA"), json!(5), json!(39.02), json!(true)]);
    assert_eq!(table.row(1), [json!("NA"), json!(null), json!(null), json!(false)]);
    assert_eq!(table.row(2), [json!(null), json!(7), json!("NaN"), json!(null)]);
    assert_eq!(table.f64_values("hour").unwrap(), [Some(5.0), None, Some(7.0)]);
    assert_eq!(table.column("carrier").unwrap().null_count(), 1);
}

#[test]
fn lines_count_quoted_breaks_and_blank_lines() {
    let table = parse("a,b\n1,\"x\ny\"\n2,z\n\n3,w\n").unwrap();
    assert_eq!([0, 1, 2].map(|row| table.line(row)), [2, 4, 6]);
    let table = parse("a,b\r\n1,x\r\n2,y\r\n").unwrap();
    assert_eq!([0, 1].map(|row| table.line(row)), [2, 3]);
}

#[test]
fn a_late_misfit_widens_the_column_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wide.csv");
    std::fs::write(&path, "a,b\n1,1\n2,2\n3,2.5\nx,4\n5,5\n").unwrap();
    let options = ReadOptions { infer_rows: 2, batch_rows: 2, ..ReadOptions::default() };
    let table = Table::read_csv_with(&path, &options).unwrap();
    assert_eq!(table.column("a").unwrap().kind(), Kind::Text);
    assert_eq!(table.column("b").unwrap().kind(), Kind::Number);
    let texts: Vec<String> =
        table.column("a").unwrap().texts().flatten().map(|text| text.to_string()).collect();
    assert_eq!(texts, ["1", "2", "3", "x", "5"]);
    let [widening] = table.widenings() else {
        panic!("one widening expected, got {:?}", table.widenings());
    };
    assert_eq!((widening.line, widening.expected, widening.found.as_str()), (5, Kind::Integer, "x"));
    assert_eq!(table.row(4), [json!("5"), json!(5.0)]);
}

#[test]
fn bad_files_are_refused_by_place() {
    let refusals = ["", "a,a\n1,2\n", "a,b\n1,2\n3\n"].map(|text| parse(text).unwrap_err().to_string());
    assert_eq!(refusals[0], "month.csv: the file is empty; expected a header line with column names");
    assert_eq!(refusals[1], "month.csv:1: column `a` appears twice in the header");
    assert_eq!(refusals[2], "month.csv:3: expected 2 fields as in the header, found 1");
    let missing = parse("a\n1\n").unwrap().f64_values("b").unwrap_err().to_string();
    assert_eq!(missing, "month.csv: no column `b`; the columns are a");
    assert!(Table::read_csv(Path::new("/nonexistent/x.csv")).is_err());
}

#[test]
fn bytes_that_are_not_utf8_and_too_many_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.csv");
    std::fs::write(&path, b"a\nok\n\xff\xfe\n").unwrap();
    assert!(matches!(Table::read_csv(&path), Err(TableError::NotUtf8 { line: 3, .. })));
    std::fs::write(&path, "a\n1\n2\n3\n").unwrap();
    let options = ReadOptions { max_rows: 2, ..ReadOptions::default() };
    assert!(matches!(Table::read_csv_with(&path, &options), Err(TableError::TooManyRows { .. })));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[ab,\"\n0-9.\\-NA]{0,120}") {
        if let Ok(table) = parse(&text) {
            for row in 0..table.rows() {
                prop_assert!(table.line(row) >= 2);
                prop_assert_eq!(table.row(row).len(), table.columns().len());
            }
        }
    }
}
