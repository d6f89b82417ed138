//! From the YAML of a contract to its checks.

use std::path::Path;

use mainspring_expressions::yaml::{self, Fault, Mapping, Node, unknown};
use regex::Regex;

use crate::contract::{Bounds, Check, Contract, LogicalType, Metric, Rule, Severity, Unit};
use crate::expectation::Expectation;
use crate::sql;

const CONTRACT_FIELDS: [&str; 22] = [
    "apiVersion",
    "kind",
    "id",
    "name",
    "version",
    "status",
    "schema",
    "tenant",
    "tags",
    "servers",
    "dataProduct",
    "description",
    "domain",
    "support",
    "price",
    "team",
    "roles",
    "slaDefaultElement",
    "slaProperties",
    "authoritativeDefinitions",
    "customProperties",
    "contractCreatedTs",
];
const OBJECT_FIELDS: [&str; 14] = [
    "id",
    "name",
    "properties",
    "quality",
    "physicalName",
    "physicalType",
    "logicalType",
    "description",
    "businessName",
    "dataGranularityDescription",
    "tags",
    "relationships",
    "authoritativeDefinitions",
    "customProperties",
];
const PROPERTY_FIELDS: [&str; 26] = [
    "id",
    "name",
    "logicalType",
    "logicalTypeOptions",
    "required",
    "unique",
    "primaryKey",
    "quality",
    "primaryKeyPosition",
    "physicalName",
    "physicalType",
    "description",
    "businessName",
    "partitioned",
    "partitionKeyPosition",
    "classification",
    "encryptedName",
    "transformSourceObjects",
    "transformLogic",
    "transformDescription",
    "examples",
    "criticalDataElement",
    "tags",
    "relationships",
    "authoritativeDefinitions",
    "customProperties",
];
const OPTION_FIELDS: [&str; 8] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "pattern",
    "minLength",
    "maxLength",
];
const RULE_FIELDS: [&str; 17] = [
    "id",
    "name",
    "type",
    "metric",
    "arguments",
    "query",
    "unit",
    "severity",
    "description",
    "dimension",
    "businessImpact",
    "method",
    "scheduler",
    "schedule",
    "tags",
    "authoritativeDefinitions",
    "customProperties",
];
const TYPES: [(&str, LogicalType); 7] = [
    ("string", LogicalType::String),
    ("integer", LogicalType::Integer),
    ("number", LogicalType::Number),
    ("boolean", LogicalType::Boolean),
    ("date", LogicalType::Date),
    ("timestamp", LogicalType::Timestamp),
    ("time", LogicalType::Time),
];

pub(crate) fn contract(text: &str, file: &Path) -> Result<Contract, Fault> {
    let root = yaml::parse(text)?;
    let map = root.map("contract")?;
    map.deny_unknown("contract field", &CONTRACT_FIELDS)?;
    let kind = map.require("kind", "the contract")?;
    kind.one_of("kind", &[("DataContract", ())])?;
    let api = map.require("apiVersion", "the contract")?;
    let api_version = api.scalar("apiVersion")?;
    if !api_version.starts_with("v3.") {
        return Err(Fault::new(
            api.at,
            format!("`apiVersion` is {api_version}; expected v3.1.0 or another v3"),
            "this gate reads the Open Data Contract Standard, version 3",
        ));
    }
    let id = map.require("id", "the contract")?.scalar("id")?;
    let name = map.get("name").map_or(Ok(id.clone()), |node| node.scalar("name"))?;
    let version = map.require("version", "the contract")?.scalar("version")?;
    let objects = map.require("schema", "the contract")?;
    let [object] = objects.list("schema")? else {
        return Err(Fault::new(
            objects.at,
            "`schema` must have exactly one object: the table that every file holds",
            "write one contract for each kind of file",
        ));
    };
    let object = object.map("schema object")?;
    object.deny_unknown("field of a schema object", &OBJECT_FIELDS)?;
    let mut contract = Contract {
        id,
        name,
        version,
        file: file.to_path_buf(),
        table: object.require("name", "the schema object")?.scalar("name")?,
        columns: Vec::new(),
        identity: Vec::new(),
        checks: Vec::new(),
    };
    let properties = object.require("properties", "the schema object")?;
    for property in properties.list("properties")? {
        let map = property.map("property")?;
        let name_node = map.require("name", "the property")?;
        let name = name_node.scalar("name")?;
        if contract.columns.contains(&name) {
            return Err(Fault::new(
                name_node.at,
                format!("property `{name}` appears twice"),
                "remove one of them",
            ));
        }
        contract.columns.push(name);
    }
    for property in properties.list("properties")? {
        read_property(&mut contract, property.map("property")?)?;
    }
    if !contract.identity.is_empty() {
        let columns = contract.identity.clone();
        contract.checks.push(Check {
            name: "primary_key".to_owned(),
            column: None,
            severity: Severity::Error,
            description: String::new(),
            rule: Rule::Unique(columns),
        });
    }
    if let Some(quality) = object.get("quality") {
        for rule in quality.list("quality")? {
            read_rule(&mut contract, None, rule)?;
        }
    }
    Ok(contract)
}

fn read_property(contract: &mut Contract, map: &Mapping) -> Result<(), Fault> {
    map.deny_unknown("field of a property", &PROPERTY_FIELDS)?;
    let column = map.require("name", "the property")?.scalar("name")?;
    let flag = |key: &str| map.get(key).map_or(Ok(false), |node| node.boolean(key));
    let logical_type = map.get("logicalType").map(|node| node.one_of("logicalType", &TYPES)).transpose()?;
    let mut add = |rule: Rule| {
        contract.checks.push(Check {
            name: format!("{column}.{}", rule.name()),
            column: Some(column.clone()),
            severity: Severity::Error,
            description: String::new(),
            rule,
        });
    };
    add(Rule::Type(logical_type));
    let key = flag("primaryKey")?;
    if flag("required")? || key {
        add(Rule::Required);
    }
    if flag("unique")? {
        add(Rule::Unique(vec![column.clone()]));
    }
    if let Some(options) = map.get("logicalTypeOptions") {
        for rule in read_options(options.map("logicalTypeOptions")?, logical_type)? {
            add(rule);
        }
    }
    if key {
        contract.identity.push(column.clone());
    }
    if let Some(quality) = map.get("quality") {
        for rule in quality.list("quality")? {
            read_rule(contract, Some(&column), rule)?;
        }
    }
    Ok(())
}

fn read_options(options: &Mapping, logical_type: Option<LogicalType>) -> Result<Vec<Rule>, Fault> {
    options.deny_unknown("option of a logical type", &OPTION_FIELDS)?;
    let numeric = matches!(logical_type, None | Some(LogicalType::Integer | LogicalType::Number));
    let number = |key: &str| match options.get(key) {
        Some(node) if !numeric => Err(Fault::new(
            node.at,
            format!("`{key}` needs `logicalType: number` or `integer`"),
            "for dates and text use a `pattern` or a rule of `type: sql`",
        )),
        node => node.map(|node| node.number(key)).transpose(),
    };
    let mut bounds = Bounds { min: number("minimum")?, max: number("maximum")?, ..Bounds::default() };
    // A number since v3.1; before, `true` made the plain limit exclusive.
    for (key, plain, strict) in [
        ("exclusiveMinimum", &mut bounds.min, &mut bounds.above),
        ("exclusiveMaximum", &mut bounds.max, &mut bounds.below),
    ] {
        match options.get(key).map(|node| node.boolean(key)) {
            Some(Ok(true)) => *strict = plain.take(),
            Some(Ok(false)) => {}
            _ => *strict = number(key)?,
        }
    }
    let mut rules = Vec::new();
    if bounds != Bounds::default() {
        rules.push(Rule::Bounds(bounds));
    }
    if let Some(step) = number("multipleOf")? {
        rules.push(Rule::MultipleOf(step));
    }
    let count = |key: &str| options.get(key).map(|node| node.count(key)).transpose();
    let (min, max) = (count("minLength")?, count("maxLength")?);
    if min.is_some() || max.is_some() {
        rules.push(Rule::Length { min, max });
    }
    if let Some(node) = options.get("pattern") {
        rules.push(Rule::Pattern(regex(node, "pattern")?));
    }
    Ok(rules)
}

fn regex(node: &Node, what: &str) -> Result<Regex, Fault> {
    Regex::new(node.text(what)?).map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Fault::new(
            node.at,
            format!("`{what}` is not a regular expression: {reason}"),
            "look-around and back-references are not supported; check the brackets",
        )
    })
}

fn read_rule(contract: &mut Contract, column: Option<&str>, node: &Node) -> Result<(), Fault> {
    let map = node.map("quality rule")?;
    let kind = map.get("type").map_or(Ok("library"), |node| node.text("type"))?;
    if kind == "text" {
        return Ok(());
    }
    let at = map.get("type").map_or(map.at, |node| node.at);
    if kind != "custom" {
        let known: Vec<&str> = RULE_FIELDS.iter().chain(&Expectation::OPERATORS).copied().collect();
        map.deny_unknown("field of a quality rule", &known)?;
    }
    let rule = match kind {
        "library" => library_rule(contract, column, map)?,
        "sql" => sql_rule(contract, map)?,
        "custom" => {
            return Err(Fault::new(
                at,
                "a rule of `type: custom` names another tool's engine, which this gate cannot run",
                "write it as `type: sql` or `type: library`, or as `type: text` to keep it as documentation",
            ));
        }
        other => return Err(unknown(at, "type of a quality rule", other, &["library", "sql", "text"])),
    };
    let given = ["id", "name"].into_iter().find_map(|key| map.get(key));
    let name = match (given, column) {
        (Some(node), _) => node.scalar("name")?,
        (None, Some(column)) => format!("{column}.{}", rule.name()),
        (None, None) => rule.name().to_owned(),
    };
    let severity = map.get("severity").map_or(Ok(Severity::Error), |node| {
        node.one_of("severity", &[("error", Severity::Error), ("warning", Severity::Warning)])
    })?;
    let description = map.get("description").map_or(Ok(String::new()), |node| node.scalar("description"))?;
    contract.checks.push(Check { name, column: column.map(str::to_owned), severity, description, rule });
    Ok(())
}

fn library_rule(contract: &mut Contract, column: Option<&str>, map: &Mapping) -> Result<Rule, Fault> {
    let node = map.require("metric", "the library rule")?;
    let name = node.text("metric")?;
    let nothing = Mapping::default();
    let arguments = map.get("arguments").map_or(Ok(&nothing), |node| node.map("arguments"))?;
    let needs_column = || {
        column.ok_or_else(|| {
            Fault::new(
                node.at,
                format!("`{name}` belongs to a property, not to the whole object"),
                "move the rule under `quality` of the property it is about",
            )
        })
    };
    let metric = match name {
        "nullValues" => {
            arguments.deny_unknown("argument of nullValues", &[])?;
            needs_column()?;
            Metric::NullValues
        }
        "missingValues" => {
            arguments.deny_unknown("argument of missingValues", &["missingValues"])?;
            needs_column()?;
            let values = arguments.get("missingValues").map(|node| scalars(node, "missingValues"));
            Metric::MissingValues(values.transpose()?.unwrap_or_default())
        }
        "invalidValues" => {
            arguments.deny_unknown("argument of invalidValues", &["validValues", "pattern"])?;
            needs_column()?;
            let valid = arguments.get("validValues").map(|node| scalars(node, "validValues")).transpose()?;
            let pattern = arguments.get("pattern").map(|node| regex(node, "pattern")).transpose()?;
            if valid.is_none() && pattern.is_none() {
                return Err(Fault::new(
                    node.at,
                    "`invalidValues` needs `arguments` with `validValues` or `pattern`",
                    "add `arguments: { validValues: [...] }`",
                ));
            }
            Metric::InvalidValues { valid, pattern }
        }
        "duplicateValues" => {
            arguments.deny_unknown("argument of duplicateValues", &["properties"])?;
            Metric::DuplicateValues(duplicate_columns(contract, column, arguments, node)?)
        }
        "rowCount" => {
            arguments.deny_unknown("argument of rowCount", &[])?;
            Metric::RowCount
        }
        other => return Err(unknown(node.at, "quality metric", other, &Metric::NAMES)),
    };
    let unit = map.get("unit").map_or(Ok(Unit::Rows), |node| {
        node.one_of("unit", &[("rows", Unit::Rows), ("percent", Unit::Percent)])
    })?;
    if let (Metric::RowCount, Unit::Percent) = (&metric, unit) {
        return Err(Fault::new(node.at, "`rowCount` is counted in rows, not percent", "remove `unit`"));
    }
    Ok(Rule::Metric { metric, expected: expectations(map)?, unit })
}

/// The columns of a `duplicateValues` rule; an object-level one also names a row to people.
fn duplicate_columns(
    contract: &mut Contract,
    column: Option<&str>,
    arguments: &Mapping,
    metric: &Node,
) -> Result<Vec<String>, Fault> {
    match (column, arguments.get("properties")) {
        (Some(column), None) => Ok(vec![column.to_owned()]),
        (_, Some(list)) => {
            let mut columns = Vec::new();
            for item in list.list("properties")? {
                let name = item.scalar("properties")?;
                if !contract.columns.contains(&name) {
                    let known: Vec<&str> = contract.columns.iter().map(String::as_str).collect();
                    return Err(unknown(item.at, "property", &name, &known));
                }
                columns.push(name);
            }
            if contract.identity.is_empty() {
                contract.identity.clone_from(&columns);
            }
            Ok(columns)
        }
        (None, None) => Err(Fault::new(
            metric.at,
            "`duplicateValues` of an object needs `arguments` with `properties`",
            "name the columns that together must be unique: `arguments: { properties: [a, b] }`",
        )),
    }
}

fn scalars(node: &Node, what: &str) -> Result<Vec<String>, Fault> {
    let items = node.list(what)?.iter();
    items.map(|item| if item.is_null() { Ok(String::new()) } else { item.scalar(what) }).collect()
}

fn sql_rule(contract: &Contract, map: &Mapping) -> Result<Rule, Fault> {
    let node = map.require("query", "the sql rule")?;
    let query = node
        .text("query")?
        .replace("${table}", &sql::quoted(&contract.table))
        .replace("${object}", &sql::quoted(&contract.table))
        .replace("{object}", &sql::quoted(&contract.table))
        .replace("{table}", &sql::quoted(&contract.table));
    sql::validate(&contract.table, &contract.columns, &query).map_err(|reason| {
        Fault::new(
            node.at,
            format!("`query` cannot be run: {reason}"),
            format!(
                "write one SELECT over the table {} that gives one number; its columns are {}",
                contract.table,
                contract.columns.join(", ")
            ),
        )
    })?;
    Ok(Rule::Sql { query, expected: expectations(map)? })
}

fn expectations(map: &Mapping) -> Result<Vec<Expectation>, Fault> {
    let mut expected = Vec::new();
    for operator in Expectation::OPERATORS {
        let Some(node) = map.get(operator) else {
            continue;
        };
        let pair = || match node.list(operator)? {
            [low, high] => {
                let (low, high) = (low.number(operator)?, high.number(operator)?);
                if low <= high {
                    Ok((low, high))
                } else {
                    Err(node.unlike(operator, "[low, high] in this order"))
                }
            }
            _ => Err(node.unlike(operator, "two numbers, [low, high]")),
        };
        expected.push(match operator {
            "mustBe" => Expectation::Equal(node.number(operator)?),
            "mustNotBe" => Expectation::NotEqual(node.number(operator)?),
            "mustBeGreaterThan" => Expectation::Greater(node.number(operator)?),
            "mustBeGreaterOrEqualTo" => Expectation::GreaterOrEqual(node.number(operator)?),
            "mustBeLessThan" => Expectation::Less(node.number(operator)?),
            "mustBeLessOrEqualTo" => Expectation::LessOrEqual(node.number(operator)?),
            "mustBeBetween" => pair().map(|(low, high)| Expectation::Between(low, high))?,
            _ => pair().map(|(low, high)| Expectation::NotBetween(low, high))?,
        });
    }
    if expected.is_empty() {
        return Err(Fault::new(
            map.at,
            format!("the rule expects nothing; expected one of {}", Expectation::OPERATORS.join(", ")),
            "add for example `mustBe: 0`",
        ));
    }
    Ok(expected)
}
