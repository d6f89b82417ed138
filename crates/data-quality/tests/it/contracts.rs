//! Contracts that are refused, and how.

use std::path::Path;

use mainspring_data_quality::{Contract, ContractError};
use proptest::prelude::*;

/// A contract with the given lines under `properties` and, if any, object-level rules.
pub(crate) fn contract(properties: &str, quality: &str) -> Result<Contract, ContractError> {
    let mut text = String::from(
        "apiVersion: v3.1.0\nkind: DataContract\nid: c1\nname: Flights\nversion: 1.0.0\nstatus: active\nschema:\n  - name: flights\n",
    );
    if !quality.is_empty() {
        text.push_str("    quality:\n");
        text.extend(quality.lines().map(|line| format!("      {line}\n")));
    }
    text.push_str("    properties:\n");
    text.extend(properties.lines().map(|line| format!("      {line}\n")));
    Contract::parse(&text, Path::new("contracts/x.yaml"))
}

fn refusal(properties: &str, quality: &str) -> String {
    let error = contract(properties, quality).unwrap_err();
    format!("{error}\n  {}", error.hint())
}

#[test]
fn refusals_name_place_expectation_and_remedy() {
    let property = "- name: a\n  logicalType: integer";
    insta::assert_snapshot!(refusal(
        &format!("{property}\n  quality:\n    - metric: nulValues\n      mustBe: 0"),
        ""
    ));
    insta::assert_snapshot!(refusal(
        &format!("{property}\n  quality:\n    - metric: nullValues\n      mustBeLess: 0"),
        ""
    ));
    insta::assert_snapshot!(refusal(&format!("{property}\n  quality:\n    - metric: nullValues"), ""));
    insta::assert_snapshot!(refusal("- name: a\n  logicalType: float", ""));
    insta::assert_snapshot!(refusal("- name: a\n  requird: true", ""));
    insta::assert_snapshot!(refusal("- name: a\n  logicalTypeOptions: { pattern: '[' }", ""));
    insta::assert_snapshot!(refusal(property, "- type: sql\n  query: DELETE FROM flights\n  mustBe: 0"));
    insta::assert_snapshot!(refusal(
        property,
        "- type: sql\n  query: SELECT COUNT(*) FROM flights WHERE b > 0\n  mustBe: 0"
    ));
    insta::assert_snapshot!(refusal(
        property,
        "- metric: duplicateValues\n  arguments: { properties: [b] }\n  mustBe: 0"
    ));
    insta::assert_snapshot!(refusal(property, "- type: custom\n  engine: soda\n  mustBe: 0"));
    insta::assert_snapshot!(refusal(property, "- metric: rowCount\n  mustBeBetween: [5, 1]"));
}

#[test]
fn text_rules_are_documentation() {
    let contract = contract("- name: a", "- type: text\n  description: Looked at by hand.").unwrap();
    assert_eq!(contract.check_count(), 1);
}

#[test]
fn the_example_project_s_contract_is_accepted() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flights/contracts/flights.odcs.yaml");
    let contract = Contract::parse(&std::fs::read_to_string(&file).unwrap(), &file).unwrap();
    assert_eq!(contract.table, "flights");
    assert!(contract.check_count() > 50);
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-z:\\-\\[\\]{} \n'\"*&!]{0,200}") {
        let _ = Contract::parse(&text, Path::new("x.yaml"));
    }
}
