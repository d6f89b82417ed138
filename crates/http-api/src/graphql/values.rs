//! From JSON to the library's values and back.

use async_graphql::dynamic::{FieldValue, TypeRef};
use async_graphql::{Name, Value as GraphqlValue};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The member that names the type of an object where a field may have several.
const TYPE: &str = "__typename";

/// What a field's JSON value is in the library's terms. `composite` says whether the type has
/// fields, `several` whether the object must name its type.
pub(super) fn field_value(
    value: Value,
    ty: &TypeRef,
    composite: bool,
    several: bool,
) -> Option<FieldValue<'static>> {
    match (ty, value) {
        (_, Value::Null) => None,
        (TypeRef::NonNull(inner), value) => field_value(value, inner, composite, several),
        (TypeRef::List(inner), Value::Array(items)) => Some(FieldValue::list(
            items
                .into_iter()
                .map(|item| field_value(item, inner, composite, several).unwrap_or(FieldValue::NULL)),
        )),
        (TypeRef::List(inner), single) => {
            Some(FieldValue::list([field_value(single, inner, composite, several)?]))
        }
        (TypeRef::Named(_), value) if composite => {
            let name = value.get(TYPE).and_then(Value::as_str).map(str::to_owned);
            let object = FieldValue::owned_any(Arc::new(value));
            Some(match name {
                Some(name) if several => object.with_type(name),
                _ => object,
            })
        }
        (TypeRef::Named(_), value) => Some(FieldValue::value(to_graphql(value))),
    }
}

/// A JSON value as one of GraphQL.
pub(super) fn to_graphql(value: Value) -> GraphqlValue {
    match value {
        Value::Null => GraphqlValue::Null,
        Value::Bool(value) => GraphqlValue::Boolean(value),
        Value::Number(number) => GraphqlValue::Number(number),
        Value::String(text) => GraphqlValue::String(text),
        Value::Array(items) => GraphqlValue::List(items.into_iter().map(to_graphql).collect()),
        Value::Object(members) => GraphqlValue::Object(
            members.into_iter().map(|(key, value)| (Name::new(key), to_graphql(value))).collect(),
        ),
    }
}

/// A GraphQL value as JSON; what JSON does not have is null.
pub(super) fn to_json(value: &GraphqlValue) -> Value {
    match value {
        GraphqlValue::Null | GraphqlValue::Binary(_) => Value::Null,
        GraphqlValue::Number(number) => Value::Number(number.clone()),
        GraphqlValue::String(text) => Value::String(text.clone()),
        GraphqlValue::Boolean(value) => Value::Bool(*value),
        GraphqlValue::Enum(name) => Value::String(name.to_string()),
        GraphqlValue::List(items) => Value::Array(items.iter().map(to_json).collect()),
        GraphqlValue::Object(members) => {
            let members = members.iter().map(|(key, value)| (key.to_string(), to_json(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}
