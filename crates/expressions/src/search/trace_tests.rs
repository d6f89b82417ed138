//! Filters and orders of traces.

use super::{
    Operand, Operator, SpanField, TraceAttribute, TraceField, parse_trace_filter, parse_trace_order,
};

#[track_caller]
fn one(text: &str) -> (TraceField, Operator, Operand) {
    let mut all = parse_trace_filter(text).unwrap();
    assert_eq!(all.len(), 1, "{text}");
    let found = all.remove(0);
    (found.field, found.operator, found.operand)
}

fn text(text: &str) -> Operand {
    Operand::Text(text.to_owned())
}

#[test]
fn every_kind_of_field_is_read() {
    let attribute = TraceField::Attribute;
    let tag = |key: &str| TraceField::Tag(key.to_owned());
    for (filter, field, operator, operand) in [
        ("status = 'OK'", attribute(TraceAttribute::State), Operator::Equal, text("OK")),
        ("trace.status != \"OK\"", attribute(TraceAttribute::State), Operator::NotEqual, text("OK")),
        ("timestamp_ms > 12", attribute(TraceAttribute::Start), Operator::Greater, Operand::Number(12.0)),
        (
            "attributes.end_time <= 5",
            attribute(TraceAttribute::End),
            Operator::LessOrEqual,
            Operand::Number(5.0),
        ),
        ("execution_time = '7'", attribute(TraceAttribute::Duration), Operator::Equal, Operand::Number(7.0)),
        (
            "request_id IN ('a', 'b')",
            attribute(TraceAttribute::Id),
            Operator::In,
            Operand::Texts(vec!["a".into(), "b".into()]),
        ),
        ("name RLIKE '^a.*'", tag("mlflow.traceName"), Operator::RLike, text("^a.*")),
        ("name IS NULL", tag("mlflow.traceName"), Operator::IsNull, Operand::None),
        ("tag.name = 'x'", tag("name"), Operator::Equal, text("x")),
        ("tags.`a b` ILIKE '%x'", tag("a b"), Operator::ILike, text("%x")),
        ("attribute.run_id = 'r'", TraceField::Run, Operator::Equal, text("r")),
        ("metadata.`mlflow.sourceRun` = 'r'", TraceField::Run, Operator::Equal, text("r")),
        (
            "request_metadata.mlflow.modelId = 'm'",
            TraceField::Metadata("mlflow.modelId".into()),
            Operator::Equal,
            text("m"),
        ),
        ("prompt = 'p/1'", TraceField::Prompt, Operator::Equal, text("p/1")),
        ("trace.text LIKE '%x%'", TraceField::Span(SpanField::Content), Operator::Like, text("%x%")),
        ("span.type = 'LLM'", TraceField::Span(SpanField::Type), Operator::Equal, text("LLM")),
        (
            "span.attributes.`a.b` LIKE '%x%'",
            TraceField::Span(SpanField::Attribute("a.b".into())),
            Operator::Like,
            text("%x%"),
        ),
        (
            "feedback.`is right` = 'yes'",
            TraceField::Feedback("is right".into()),
            Operator::Equal,
            text("yes"),
        ),
        (
            "feedback.score >= 0.5",
            TraceField::Feedback("score".into()),
            Operator::GreaterOrEqual,
            Operand::Number(0.5),
        ),
        (
            "expectation.answer IS NOT NULL",
            TraceField::Expectation("answer".into()),
            Operator::IsNotNull,
            Operand::None,
        ),
        ("issue.id = 'i'", TraceField::Issue, Operator::Equal, text("i")),
    ] {
        assert_eq!(one(filter), (field, operator, operand), "{filter}");
    }
    assert_eq!(parse_trace_filter("status = 'OK' AND name = 'a' and tag.x != 'y'").unwrap().len(), 3);
    assert!(parse_trace_filter("  ").unwrap().is_empty());
}

#[test]
fn refusals_say_what_was_expected() {
    for (filter, message) in [
        ("invalid.filter = 'x'", "Invalid entity type 'invalid'"),
        ("colour = 'x'", "Invalid attribute key 'colour' specified"),
        ("status > 'OK'", "Invalid comparator '>' not one of"),
        ("timestamp LIKE 'x'", "Invalid comparator 'LIKE' not one of"),
        ("status = 5", "attributes support comparison with numeric values"),
        ("timestamp = 'soon'", "Expected numeric value type for numeric attribute: timestamp"),
        ("end_time IN ('1')", "Invalid comparator 'IN' not one of"),
        ("name IN ('a')", "Invalid comparator 'IN' not one of"),
        ("prompt LIKE 'a/1'", "Invalid comparator 'LIKE' for prompts filter"),
        ("prompt = 'a'", "Invalid prompts filter value 'a'"),
        ("span.colour = 'x'", "Invalid span attribute 'colour'. Supported attributes: name, status, type"),
        ("span.attributes. = 'x'", "Invalid clause(s) in filter string"),
        ("text = 'x'", "span.content comparator '=' not one of"),
        ("span.name > 'x'", "span.name comparator '>' not one of"),
        ("feedback.a > 'x'", "Expected a numeric value for feedback when using comparator '>'"),
        ("feedback.a = 5", "Expected a quoted string value for feedback"),
        ("feedback.a IN ('x')", "assessment.a comparator 'IN' not one of"),
        ("issue.name = 'x'", "Invalid issue attribute 'name'"),
        ("issue.id != 'x'", "issue.id comparator '!=' not one of"),
        ("name RLIKE '('", "is not a regular expression"),
        (&format!("name LIKE '{}'", "%".repeat(5001)), "A pattern can have at most 5000 bytes"),
        (&format!("span.attributes.a IN ('1'{})", ", '2'".repeat(100)), "at most 100 values"),
        ("status = 'OK' OR status = 'ERROR'", "Invalid clause(s) in filter string"),
        ("status", "Invalid clause(s) in filter string"),
    ] {
        let error = parse_trace_filter(filter).unwrap_err().to_string();
        assert!(error.contains(message), "{filter}: {error}");
    }
}

#[test]
fn orders_name_what_can_be_sorted() {
    let order = parse_trace_order("timestamp").unwrap();
    assert_eq!((order.field, order.ascending), (TraceField::Attribute(TraceAttribute::Start), true));
    let order = parse_trace_order("run_id DESC").unwrap();
    assert_eq!((order.field, order.ascending), (TraceField::Metadata("mlflow.sourceRun".into()), false));
    assert_eq!(parse_trace_order("tag.x ASC").unwrap().field, TraceField::Tag("x".into()));
    for (clause, message) in [
        ("span.name", "Invalid identifier type 'span'"),
        ("text", "Invalid attribute key 'text'"),
        ("timestamp UPWARDS", "Invalid ordering key in order_by clause"),
        ("", "Could not be parsed"),
    ] {
        let error = parse_trace_order(clause).unwrap_err().to_string();
        assert!(error.contains(message), "{clause}: {error}");
    }
}
