//! Filters as MLflow's own tests write them.

use proptest::prelude::*;

use super::*;

fn one(text: &str, kind: EntityKind) -> Comparison {
    let [comparison] = parse_filter(text, kind).unwrap().try_into().unwrap();
    comparison
}

fn refused(text: &str, kind: EntityKind) -> String {
    parse_filter(text, kind).unwrap_err().to_string()
}

fn comparison(entity: Entity, key: &str, operator: Operator, operand: Operand) -> Comparison {
    Comparison { entity, key: key.to_owned(), operator, operand }
}

fn text(value: &str) -> Operand {
    Operand::Text(value.to_owned())
}

#[test]
fn comparisons_of_runs() {
    use Entity::{Attribute, Dataset, Metric, Parameter, Tag};
    use Operator::{Equal, Greater, ILike, In, IsNotNull, IsNull, LessOrEqual, Like, NotEqual, NotIn};
    for (filter, expected) in [
        ("metrics.acc >  0.94", comparison(Metric, "acc", Greater, Operand::Number(0.94))),
        ("metric.`val/loss` <= -1e-3", comparison(Metric, "val/loss", LessOrEqual, Operand::Number(-0.001))),
        ("metrics.\"m 1\"=1", comparison(Metric, "m 1", Equal, Operand::Number(1.0))),
        ("metrics.a.b = 5", comparison(Metric, "a.b", Equal, Operand::Number(5.0))),
        ("params.\"m.lr\" = \"0.1\"", comparison(Parameter, "m.lr", Equal, text("0.1"))),
        ("param.`a.b` != 'x'", comparison(Parameter, "a.b", NotEqual, text("x"))),
        ("parameters.m != 'tf'", comparison(Parameter, "m", NotEqual, text("tf"))),
        ("tags.version like 'commit-%'", comparison(Tag, "version", Like, text("commit-%"))),
        ("`tag`.version ILIKE 'A_'", comparison(Tag, "version", ILike, text("A_"))),
        ("tags.x IS NULL", comparison(Tag, "x", IsNull, Operand::None)),
        ("params.x is not null", comparison(Parameter, "x", IsNotNull, Operand::None)),
        ("status = 'RUNNING'", comparison(Attribute, "status", Equal, text("RUNNING"))),
        (
            "attribute.start_time > 1700000000000",
            comparison(Attribute, "start_time", Greater, Operand::Number(1.7e12)),
        ),
        ("Created > 5", comparison(Attribute, "start_time", Greater, Operand::Number(5.0))),
        ("run.`run name` = 'x AND y'", comparison(Attribute, "run_name", Equal, text("x AND y"))),
        (
            "run_id IN ('a', \"b\",'c')",
            comparison(Attribute, "run_id", In, Operand::Texts(vec!["a".into(), "b".into(), "c".into()])),
        ),
        (
            "attribute.run_id NOT IN ('a')",
            comparison(Attribute, "run_id", NotIn, Operand::Texts(vec!["a".into()])),
        ),
        ("dataset.digest = 's%'", comparison(Dataset, "digest", Equal, text("s%"))),
        ("params.empty = ''", comparison(Parameter, "empty", Equal, text(""))),
    ] {
        assert_eq!(one(filter, EntityKind::Run), expected, "{filter}");
    }
    let both = parse_filter("metrics.a > 1 AND params.b = 'x' and tags.c IS NULL", EntityKind::Run).unwrap();
    assert_eq!(both.len(), 3);
    assert_eq!(parse_filter("  ", EntityKind::Run), Ok(vec![]));
}

#[test]
fn refusals_are_in_mlflow_s_words() {
    for (filter, message) in [
        (
            "foo.bar = 1",
            "Invalid entity type 'foo'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
        ),
        ("metrics.acc > '0.9'", "Expected numeric value type for metric. Found '0.9'"),
        ("metrics.acc > nan", "Expected numeric value type for metric. Found nan"),
        ("params.lr = 0.1", "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 0.1"),
        (
            "params.lr = LR",
            "Parameter value is either not quoted or unidentified quote types used for string value LR. Use either single or double quotes.",
        ),
        ("status = 5", "Expected a quoted string value for attributes. Got value 5"),
        ("start_time > '5'", "Expected numeric value type for numeric attribute: start_time. Found '5'"),
        ("metrics.acc LIKE 5", "Invalid comparator 'LIKE' not one of '{'>', '>=', '!=', '=', '<', '<='}'"),
        (
            "params.lr > '5'",
            "Invalid comparator '>' not one of '{'!=', '=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL'}'",
        ),
        (
            "status IN ('a')",
            "Only ['run_id'] attributes support comparison with a list of quoted string values.",
        ),
        (
            "run_id IN ()",
            "While parsing a list in the query, expected a non-empty list of string values, but got empty list",
        ),
        (
            "run_id IN (1)",
            "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different type in list: (1)",
        ),
        (
            "run_id IN ('a' 'b')",
            "While parsing a list in the query, expected a non-empty list of string values, but got ill-formed list.",
        ),
        (
            "dataset.size = 'x'",
            "Invalid dataset key 'size' specified. Valid keys are '{'context', 'digest', 'name'}'",
        ),
        (
            "metrics.acc IS NULL",
            "IS NULL / IS NOT NULL is only supported for tags and params, not for 'metric' 'acc'",
        ),
        ("'acc' > 5", "Invalid comparison clause. Expected 'Identifier' found ''acc''"),
        ("metrics.acc >", "Invalid clause(s) in filter string: 'metrics.acc', '>'"),
        ("metrics.a > 1 OR metrics.b > 1", "Invalid clause(s) in filter string: 'OR'"),
        ("metrics.acc", "Invalid clause(s) in filter string: 'metrics.acc'"),
        ("AND metrics.a > 1", "Invalid clause(s) in filter string: 'AND', 'metrics.a', '>', '1'"),
        ("(metrics.a > 1)", "Invalid clause(s) in filter string: '(metrics.a > 1)'"),
        ("params.a = 'x", "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 'x"),
        (
            "metrics.a > 1; metrics.b > 1",
            "Search filter contained multiple expression 'metrics.a > 1; metrics.b > 1'. Provide AND-ed expression list.",
        ),
    ] {
        assert_eq!(refused(filter, EntityKind::Run), message, "{filter}");
    }
    assert!(
        refused("attribute.nope = 'x'", EntityKind::Run)
            .starts_with("Invalid attribute key 'nope' specified. Valid keys are '{'artifact_uri'")
    );
    assert_eq!(
        refused("metrics.a > 1", EntityKind::Experiment),
        "Invalid entity type 'metrics'. Valid entity types are ('attribute', 'tag', 'tags')"
    );
    assert_eq!(
        refused("tags.a IS NULL", EntityKind::RegisteredModel),
        "Invalid comparator 'IS NULL' not one of '{'!=', '=', 'LIKE', 'ILIKE'}'"
    );
}

#[test]
fn other_kinds_have_their_own_keys() {
    for (filter, kind) in [
        ("creation_time > 5 AND tags.a = 'b'", EntityKind::Experiment),
        ("name ILIKE '%x%'", EntityKind::RegisteredModel),
        ("version_number >= 2 AND run_id IN ('a')", EntityKind::ModelVersion),
        ("source_path LIKE 's3%'", EntityKind::ModelVersion),
        ("metrics.a > 1 AND params.b = 'x' AND model_type = 'agent'", EntityKind::LoggedModel),
    ] {
        assert!(parse_filter(filter, kind).is_ok(), "{filter}");
    }
    assert!(parse_filter("version_number = 2", EntityKind::RegisteredModel).is_err());
    assert!(parse_filter("dataset.name = 'x'", EntityKind::LoggedModel).is_err());
}

#[test]
fn orders() {
    let order =
        |text: &str, kind| parse_order_by(text, kind).map(|order| (order.entity, order.key, order.ascending));
    let run = EntityKind::Run;
    assert_eq!(order("metrics.auc DESC", run), Ok((Entity::Metric, "auc".into(), false)));
    assert_eq!(order("metrics.`val loss`", run), Ok((Entity::Metric, "val loss".into(), true)));
    assert_eq!(order("params.\"a b\" asc", run), Ok((Entity::Parameter, "a b".into(), true)));
    assert_eq!(order("Created desc", run), Ok((Entity::Attribute, "start_time".into(), false)));
    assert_eq!(
        order("timestamp DESC", EntityKind::RegisteredModel),
        Ok((Entity::Attribute, "last_updated_timestamp".into(), false))
    );
    let refused = |text: &str, kind| parse_order_by(text, kind).unwrap_err().to_string();
    assert_eq!(refused("metrics.a ACS", run), "Invalid ordering key in order_by clause 'metrics.a ACS'.");
    assert_eq!(refused("", run), "Invalid order_by clause ''. Could not be parsed.");
    assert_eq!(refused("a b c", run), "Invalid order_by clause 'a b c'. Could not be parsed.");
    assert_eq!(refused("tags.a", EntityKind::Experiment), "Invalid order_by entity: tag");
    assert!(refused("nope", run).starts_with("Invalid attribute key 'nope' specified."));
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,80}") {
        for kind in [EntityKind::Run, EntityKind::ModelVersion] {
            let _ = parse_filter(&text, kind);
            let _ = parse_order_by(&text, kind);
        }
    }

    #[test]
    fn nothing_that_looks_like_a_filter_panics(text in "([a-z.`\"'()=<>! ,;0-9-]|metrics|IN|AND|NOT|IS|NULL){0,40}") {
        let _ = parse_filter(&text, EntityKind::Run);
        let _ = parse_order_by(&text, EntityKind::Run);
    }

    #[test]
    fn quoted_keys_and_values_come_back(key in "[^`\"']{1,20}", value in "[^']{0,20}") {
        let filter = format!("tags.`{key}` = '{value}'");
        prop_assert_eq!(one(&filter, EntityKind::Run), comparison(Entity::Tag, &key, Operator::Equal, text(&value)));
    }
}

#[test]
fn a_filter_does_not_go_on_forever() {
    let many = |count: usize| vec!["metrics.a > 1"; count].join(" AND ");
    assert_eq!(parse_filter(&many(200), EntityKind::Run).unwrap().len(), 200);
    let error = parse_filter(&many(201), EntityKind::Run).unwrap_err().to_string();
    assert!(error.contains("at most 200 comparisons"), "{error}");
}
