//! Resolvers, and requests as they come over HTTP.

use super::schema;
use async_graphql::dynamic::{Schema, SchemaError};
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Request, Variables};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Fields within fields.
const DEPTH: usize = 24;
/// Fields of one request.
const COMPLEXITY: usize = 4000;

/// Why a field has no value; the text is for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GraphqlError(pub(crate) String);

/// What a resolver works with.
pub(crate) struct Call<C> {
    /// The request's context.
    pub(crate) context: C,
    /// The object that the field belongs to; null for the fields of the root.
    pub(crate) parent: Arc<Value>,
    /// The arguments.
    pub(crate) arguments: Map<String, Value>,
}

impl<C> Call<C> {
    /// A text among the arguments; none when it is missing, null or empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A whole number among the arguments.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.arguments.get(name).and_then(Value::as_i64)
    }

    /// The argument `input` of a mutation.
    pub(crate) fn input(&self) -> Map<String, Value> {
        self.arguments.get("input").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// A text of the parent.
    pub(crate) fn parent_text(&self, name: &str) -> &str {
        self.parent.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

type Answer = Result<Value, GraphqlError>;
pub(super) type Resolver<C> = Arc<dyn Fn(Call<C>) -> BoxFuture<'static, Answer> + Send + Sync>;

/// What a field without a resolver shows when its parent has no such member: the name of its type,
/// and whether it is a list.
pub(super) type Missing = fn(&str, bool) -> Value;

/// Resolvers by `Type.field`.
pub(crate) struct Resolvers<C> {
    by_field: HashMap<&'static str, Resolver<C>>,
    missing: Missing,
}

impl<C: Clone + Send + Sync + 'static> Resolvers<C> {
    /// None yet; members that are not there are null.
    pub(crate) fn new() -> Self {
        Self::with_missing(|_, _| Value::Null)
    }

    /// None yet; members that are not there are what a function says.
    pub(crate) fn with_missing(missing: Missing) -> Self {
        Self { by_field: HashMap::new(), missing }
    }

    pub(super) const fn missing(&self) -> Missing {
        self.missing
    }

    /// Adds the resolver of a field.
    pub(crate) fn add<F, R>(&mut self, field: &'static str, resolver: F)
    where
        F: Fn(Call<C>) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        self.by_field.insert(field, Arc::new(move |call| Box::pin(resolver(call))));
    }

    pub(super) fn take(&mut self, field: &str) -> Option<Resolver<C>> {
        self.by_field.remove(field)
    }

    /// Resolvers of fields that the schema does not have.
    pub(super) fn rest(&self) -> impl Iterator<Item = &&'static str> {
        self.by_field.keys()
    }
}

/// A request as clients send it.
#[derive(Deserialize)]
struct Sent {
    query: String,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
}

/// Executes requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Executor<C> {
    schema: Schema,
    context: std::marker::PhantomData<fn(C)>,
}

impl<C: Clone + Send + Sync + 'static> Executor<C> {
    /// An executor for a schema in the schema language.
    ///
    /// # Errors
    /// When the schema is not one, or a resolver has no field.
    pub(crate) fn new(language: &str, resolvers: Resolvers<C>) -> Result<Self, SchemaError> {
        let schema = schema::build(language, resolvers)?
            .limit_depth(DEPTH)
            .limit_recursive_depth(2 * DEPTH)
            .limit_complexity(COMPLEXITY)
            .limit_directives(8)
            .finish()?;
        Ok(Self { schema, context: std::marker::PhantomData })
    }

    /// Executes a request's body; gives the body of the answer. What is not understood gives an
    /// answer with `errors`, as the protocol has it.
    pub(crate) async fn execute(&self, body: &[u8], context: C) -> Value {
        if body.trim_ascii_start().first() != Some(&b'{') {
            return errors("The request is no JSON object.");
        }
        let sent: Sent = match serde_json::from_slice(body) {
            Ok(sent) => sent,
            Err(error) => return errors(&format!("The request is no GraphQL request in JSON: {error}")),
        };
        let variables = Variables::from_json(Value::Object(sent.variables.unwrap_or_default()));
        let mut request = Request::new(sent.query).variables(variables).data(context);
        // An empty name means that there is only one operation.
        if let Some(name) = sent.operation_name.filter(|name| !name.is_empty()) {
            request = request.operation_name(name);
        }
        self.run(request).await
    }

    /// Executes a request that was parsed before; `sent` holds its variables and the name of its
    /// operation.
    pub(crate) async fn execute_document(
        &self,
        document: ExecutableDocument,
        sent: &Map<String, Value>,
        context: C,
    ) -> Value {
        let variables = sent.get("variables").cloned().unwrap_or_default();
        let mut request = Request::new("").variables(Variables::from_json(variables)).data(context);
        request.set_parsed_query(document);
        let name = sent.get("operationName").and_then(Value::as_str).filter(|name| !name.is_empty());
        if let Some(name) = name {
            request = request.operation_name(name);
        }
        self.run(request).await
    }

    async fn run(&self, request: Request) -> Value {
        let response = self.schema.execute(request).await;
        serde_json::to_value(&response).unwrap_or_else(|error| errors(&error.to_string()))
    }
}

/// An answer without data.
pub(crate) fn errors(message: &str) -> Value {
    json!({ "data": null, "errors": [{ "message": message }] })
}
