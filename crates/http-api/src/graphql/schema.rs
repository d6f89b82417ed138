//! From a schema's text to one that can be executed.

use super::executor::{Call, GraphqlError, Missing, Resolver, Resolvers};
use super::values::{field_value, to_json};
use async_graphql::dynamic::{
    Enum, Field, FieldFuture, InputObject, InputValue, Interface, InterfaceField, Object, ResolverContext,
    Scalar, Schema, SchemaBuilder, SchemaError, TypeRef, Union,
};
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Error, Positioned};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// What a type is, as far as values of it differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Leaf,
    Object,
    Several,
}

/// Builds the schema; `Query` and `Mutation` are its roots.
pub(super) fn build<C: Clone + Send + Sync + 'static>(
    language: &str,
    mut resolvers: Resolvers<C>,
) -> Result<SchemaBuilder, SchemaError> {
    let document = parse_schema(language).map_err(|error| SchemaError(error.to_string()))?;
    let types: Vec<TypeDefinition> = document
        .definitions
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(found) => Some(found.node),
            TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
        })
        .collect();
    let shapes: HashMap<String, Shape> =
        types.iter().map(|found| (found.name.node.to_string(), shape(&found.kind))).collect();
    let missing = resolvers.missing();
    let mut builder = Schema::build("Query", Some("Mutation"), None);
    for found in types {
        let name = found.name.node.to_string();
        builder = match found.kind {
            TypeKind::Scalar => builder.register(Scalar::new(name)),
            TypeKind::Object(kind) => {
                let mut object = Object::new(&name);
                for interface in kind.implements {
                    object = object.implement(interface.node.as_str());
                }
                for definition in kind.fields {
                    let resolver = resolvers.take(&format!("{name}.{}", definition.node.name.node));
                    object = object.field(field(definition.node, &shapes, resolver, missing));
                }
                builder.register(object)
            }
            TypeKind::Interface(kind) => {
                let fields = kind.fields.into_iter().map(|definition| interface_field(definition.node));
                builder.register(fields.fold(Interface::new(name), Interface::field))
            }
            TypeKind::Union(kind) => {
                let members = kind.members.into_iter().map(|member| member.node.to_string());
                builder.register(members.fold(Union::new(name), Union::possible_type))
            }
            TypeKind::Enum(kind) => builder.register(
                Enum::new(name).items(kind.values.iter().map(|item| item.node.value.node.as_str())),
            ),
            TypeKind::InputObject(kind) => builder.register(
                kind.fields.into_iter().map(input).fold(InputObject::new(name), InputObject::field),
            ),
        };
    }
    match resolvers.rest().next() {
        Some(field) => Err(SchemaError(format!("the schema has no field {field}"))),
        None => Ok(builder),
    }
}

const fn shape(kind: &TypeKind) -> Shape {
    match kind {
        TypeKind::Object(_) => Shape::Object,
        TypeKind::Interface(_) | TypeKind::Union(_) => Shape::Several,
        TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => Shape::Leaf,
    }
}

fn type_ref(ty: &Type) -> TypeRef {
    let base = match &ty.base {
        BaseType::Named(name) => TypeRef::named(name.as_str()),
        BaseType::List(inner) => TypeRef::List(Box::new(type_ref(inner))),
    };
    if ty.nullable { base } else { TypeRef::NonNull(Box::new(base)) }
}

fn is_list(ty: &TypeRef) -> bool {
    match ty {
        TypeRef::Named(_) => false,
        TypeRef::NonNull(inner) => is_list(inner),
        TypeRef::List(_) => true,
    }
}

fn input(definition: Positioned<InputValueDefinition>) -> InputValue {
    let definition = definition.node;
    let value = InputValue::new(definition.name.node.as_str(), type_ref(&definition.ty.node));
    match definition.default_value {
        Some(default) => value.default_value(default.node),
        None => value,
    }
}

fn interface_field(definition: FieldDefinition) -> InterfaceField {
    let field = InterfaceField::new(definition.name.node.as_str(), type_ref(&definition.ty.node));
    definition.arguments.into_iter().map(input).fold(field, InterfaceField::argument)
}

fn field<C: Clone + Send + Sync + 'static>(
    definition: FieldDefinition,
    shapes: &HashMap<String, Shape>,
    resolver: Option<Resolver<C>>,
    missing: Missing,
) -> Field {
    let ty = type_ref(&definition.ty.node);
    let shape = shapes.get(ty.type_name()).copied().unwrap_or(Shape::Leaf);
    let (composite, several) = (shape != Shape::Leaf, shape == Shape::Several);
    let (name, answer_type) = (definition.name.node.to_string(), ty.clone());
    let field = match resolver {
        None => Field::new(definition.name.node.as_str(), ty, move |context| {
            let value = parent(&context).get(&name).cloned();
            let value = value.unwrap_or_else(|| missing(answer_type.type_name(), is_list(&answer_type)));
            FieldFuture::Value(field_value(value, &answer_type, composite, several))
        }),
        Some(resolver) => Field::new(definition.name.node.as_str(), ty, move |context| {
            let (resolver, answer_type) = (Arc::clone(&resolver), answer_type.clone());
            FieldFuture::new(async move {
                let call = Call {
                    context: context.data::<C>()?.clone(),
                    parent: parent(&context),
                    arguments: arguments(&context),
                };
                match resolver(call).await {
                    Ok(value) => Ok(field_value(value, &answer_type, composite, several)),
                    Err(GraphqlError(message)) if matches!(answer_type, TypeRef::NonNull(_)) => {
                        Err(Error::new(message))
                    }
                    // A field that may be null is null then, and the others are answered all the same.
                    Err(GraphqlError(message)) => {
                        let error = Error::new(message).into_server_error(context.item.pos);
                        context.add_error(context.set_error_path(error));
                        Ok(None)
                    }
                }
            })
        }),
    };
    definition.arguments.into_iter().map(input).fold(field, Field::argument)
}

fn parent(context: &ResolverContext<'_>) -> Arc<Value> {
    context.parent_value.downcast_ref::<Arc<Value>>().cloned().unwrap_or_default()
}

fn arguments(context: &ResolverContext<'_>) -> Map<String, Value> {
    context.args.iter().map(|(name, value)| (name.to_string(), to_json(value.as_value()))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::executor::{Executor, Resolvers};
    use serde_json::{Value, json};

    const SCHEMA: &str = "
        scalar JSONString
        interface Animal { name: String! }
        type Dog implements Animal { name: String! age: Int }
        type Cat implements Animal { name: String! lives: Int }
        input Wanted { kind: String! }
        type Query { animals(wanted: Wanted!, limit: Int = 2): [Animal!]! note: JSONString }
        type Mutation { nothing: Boolean }
    ";

    async fn ask(query: &str, variables: Value) -> Value {
        let mut resolvers = Resolvers::<u8>::new();
        resolvers.add("Query.animals", |call| async move {
            assert_eq!(call.context, 7);
            let limit = call.arguments["limit"].as_u64().unwrap() as usize;
            let all = vec![
                json!({ "__typename": "Dog", "name": "a", "age": 3 }),
                json!({ "__typename": "Cat", "name": "b", "lives": 9 }),
                json!({ "__typename": "Cat", "name": "c", "lives": 8 }),
            ];
            Ok(Value::Array(all.into_iter().take(limit).collect()))
        });
        let executor = Executor::new(SCHEMA, resolvers).unwrap();
        let body = json!({ "query": query, "variables": variables, "operationName": "" });
        executor.execute(body.to_string().as_bytes(), 7).await
    }

    #[tokio::test]
    async fn fragments_variables_defaults_and_interfaces_work() {
        let query = "query($w: Wanted!, $limit: Int = 2, $more: Boolean = false) {
                         pets: animals(wanted: $w, limit: $limit) { __typename ...Named ... on Cat { lives @include(if: $more) } }
                     }
                     fragment Named on Animal { name }";
        let answer = ask(query, json!({ "w": { "kind": "x" } })).await;
        let pets = json!([{ "__typename": "Dog", "name": "a" }, { "__typename": "Cat", "name": "b" }]);
        assert_eq!(answer, json!({ "data": { "pets": pets } }));
        let answer = ask(query, json!({ "w": { "kind": "x" }, "limit": 3, "more": true })).await;
        assert_eq!(answer["data"]["pets"][2], json!({ "__typename": "Cat", "name": "c", "lives": 8 }));
    }

    #[tokio::test]
    async fn what_is_not_understood_gives_errors() {
        for (query, variables) in [
            ("{ animals", json!({})),
            ("{ nothing }", json!({})),
            ("{ animals(wanted: {kind: \"x\", size: 1}) { name } }", json!({})),
            ("query($w: Wanted!) { animals(wanted: $w) { name } }", json!({ "w": { "odd": 1 } })),
            ("{ note @unknown(b: 1) }", json!({})),
        ] {
            let answer = ask(query, variables).await;
            assert!(answer["errors"][0]["message"].is_string(), "{query}: {answer}");
        }
        let resolvers = Resolvers::<u8>::new();
        let executor = Executor::new(SCHEMA, resolvers).unwrap();
        assert!(executor.execute(b"{", 7).await["errors"][0]["message"].is_string());
        assert!(executor.execute(b"[\"{ note }\"]", 7).await["errors"][0]["message"].is_string());
    }

    #[test]
    fn a_resolver_without_a_field_is_a_mistake() {
        let mut resolvers = Resolvers::<u8>::new();
        resolvers.add("Query.none", |_| async { Ok(Value::Null) });
        assert!(Executor::new(SCHEMA, resolvers).is_err());
    }
}
