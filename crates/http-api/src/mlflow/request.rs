//! Reading requests. Parameters come as a JSON object or as a query, with numbers and truth values
//! as text; unknown ones are ignored.

use super::{AllWorkspaces, ApiError, MlflowState};
use axum::Extension;
use axum::RequestExt as _;
use axum::RequestPartsExt as _;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use mainspring_domain::Actor;
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::tracking::KeyValue;
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_governance::access::Principal;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const SEE_DOCS: &str = "See the API docs for more information about request parameters.";

/// A request: who sent it and its parameters.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) actor: Actor,
    principal: Arc<Principal>,
    pub(super) params: Params,
}

impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, ApiError> {
        let actor = identified(&mut request).await?;
        let principal = identified(&mut request).await?;
        let params = if request.method() == Method::GET {
            from_query(request, state).await
        } else {
            parse(&json_body(request, state).await?)
        }?;
        Ok(Self { actor, principal, params: Params::new(params) })
    }
}

/// Who sent a request, as it was found out before.
async fn identified<T: Clone + Send + Sync + 'static>(request: &mut Request) -> Result<T, ApiError> {
    let found = request.extract_parts::<Extension<T>>().await;
    found.map(|Extension(who)| who).map_err(|error| ApiError::internal("Identification", &error))
}

/// A request whose body is not read yet: who sent it and its JSON, empty when there is none.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) actor: Actor,
    pub(super) body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Unread {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, ApiError> {
        let actor = identified(&mut request).await?;
        Ok(Self { actor, body: json_body(request, state).await? })
    }
}

impl Unread {
    pub(super) fn params(&self) -> Result<Params, ApiError> {
        parse(&self.body).map(Params::new)
    }
}

/// What a handler works on: the store as the workspace of the request sees it.
pub(super) struct Within(pub(super) MlflowState);

impl FromRequestParts<AllWorkspaces> for Within {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        AllWorkspaces(state): &AllWorkspaces,
    ) -> Result<Self, ApiError> {
        let Extension(workspace) = parts
            .extract::<Extension<WorkspaceName>>()
            .await
            .map_err(|error| ApiError::internal("The workspace of the request", &error))?;
        Ok(Self(MlflowState { store: state.store.within(workspace), ..state.clone() }))
    }
}

impl Call {
    /// Whether the caller may see something in a list.
    pub(super) fn sees(&self, scope: &Scope) -> bool {
        self.principal.may(Role::Reader, scope)
    }
}

async fn from_query<S: Send + Sync>(request: Request, state: &S) -> Result<Map<String, Value>, ApiError> {
    let Query(pairs) = Query::<Vec<(String, String)>>::from_request(request, state)
        .await
        .map_err(|error| ApiError::bad_request(error.to_string()))?;
    let mut params = Map::new();
    for (key, text) in pairs {
        match params.get_mut(&key) {
            None => {
                params.insert(key, Value::String(text));
            }
            Some(Value::Array(many)) => many.push(Value::String(text)),
            Some(one) => *one = Value::Array(vec![one.take(), Value::String(text)]),
        }
    }
    Ok(params)
}

/// The body of a request, which is JSON by its type, or empty.
async fn json_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence =
        content_type.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let body = Bytes::from_request(request, state).await.map_err(|error| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::invalid("The request body is too large. Please split it up and try again.")
        } else {
            ApiError::bad_request(error.to_string())
        }
    })?;
    match essence.as_deref() {
        Some("application/json") => Ok(body),
        None if body.is_empty() => Ok(body),
        None => Err(ApiError::invalid("Bad Request. Content-Type header is missing.")),
        Some(_) => Err(ApiError::invalid("Bad Request. Content-Type must be one of ['application/json'].")),
    }
}

fn parse(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let read = |bytes: &[u8]| {
        serde_json::from_slice::<Value>(bytes)
            .map_err(|error| ApiError::bad_request(format!("The request body is not valid JSON: {error}")))
    };
    let mut value = read(body)?;
    if let Value::String(text) = &value {
        // Old clients encode twice.
        value = read(text.as_bytes())?;
    }
    match value {
        Value::Object(params) => Ok(params),
        Value::Null => Ok(Map::new()),
        _ => Err(ApiError::bad_request("The request body must be a JSON object.")),
    }
}

/// Named values of one object, with the place it had in the request for messages.
#[derive(Debug)]
pub(super) struct Params {
    values: Map<String, Value>,
    place: Place,
}

/// Where an object was in the request. Put into words when a message needs it: a batch has thousands.
#[derive(Debug)]
enum Place {
    Top,
    Field(String),
    Item(Arc<str>, usize),
}

impl Params {
    fn new(values: Map<String, Value>) -> Self {
        Self { values, place: Place::Top }
    }

    fn place(&self, name: &str) -> String {
        match &self.place {
            Place::Top => name.to_owned(),
            Place::Field(path) => format!("{path}.{name}"),
            Place::Item(list, index) => format!("{list}[{index}].{name}"),
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    /// The error that a required parameter is not there.
    pub(super) fn missing(&self, name: &str) -> ApiError {
        ApiError::invalid(format!("Missing value for required parameter '{}'. {SEE_DOCS}", self.place(name)))
    }

    /// The error that a parameter has a value of the wrong kind or size.
    pub(super) fn wrong(&self, name: &str, value: &Value) -> ApiError {
        ApiError::invalid(format!(
            "Invalid value {value} for parameter '{}' supplied:  Hint: Value was of type '{}'. {SEE_DOCS}",
            self.place(name),
            python_type(value)
        ))
    }

    /// A text; empty counts as not given.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        Ok(self.any_text(name)?.filter(|text| !text.is_empty()))
    }

    /// A text that may be empty.
    pub(super) fn any_text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong(name, other)),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str) -> Result<String, ApiError> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    /// A number that clients send as text, some as a number.
    pub(super) fn number_text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.text(name) {
            Ok(text) => Ok(text),
            Err(error) => match self.integer(name) {
                Ok(number) => Ok(number.map(|number| number.to_string())),
                Err(_) => Err(error),
            },
        }
    }

    /// A whole number, also as text.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        integer(value).map(Some).ok_or_else(|| self.wrong(name, value))
    }

    /// A number, also as text: `NaN` and `Infinity` have no other form.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        number(value).map(Some).ok_or_else(|| self.wrong(name, value))
    }

    /// A truth value, also as text in any case.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(Value::String(text)) => {
                Err(ApiError::invalid(format!("Invalid boolean value: {text}, must be 'true' or 'false'.")))
            }
            Some(other) => Err(self.wrong(name, other)),
        }
    }

    /// A list of texts; a single text in a query is a list of one.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::String(_) => std::slice::from_ref(value),
            _ => return Err(self.wrong(name, value)),
        };
        let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
        texts.collect::<Option<_>>().ok_or_else(|| self.wrong(name, value))
    }

    /// A list of objects.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Self>, ApiError> {
        self.object_items(name).map(|items| self.items(name, items.to_vec()))
    }

    /// The same, for long lists: the objects are not there any more afterwards.
    pub(super) fn take_objects(&mut self, name: &str) -> Result<Vec<Self>, ApiError> {
        self.object_items(name)?;
        Ok(match self.values.get_mut(name).map(Value::take) {
            Some(Value::Array(items)) => self.items(name, items),
            _ => Vec::new(),
        })
    }

    fn object_items(&self, name: &str) -> Result<&[Value], ApiError> {
        match self.value(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) if items.iter().all(Value::is_object) => Ok(items),
            Some(other) => Err(self.wrong(name, other)),
        }
    }

    fn items(&self, name: &str, items: Vec<Value>) -> Vec<Self> {
        let list: Arc<str> = self.place(name).into();
        let item = |(index, item)| match item {
            Value::Object(values) => Some(Self { values, place: Place::Item(Arc::clone(&list), index) }),
            _ => None,
        };
        items.into_iter().enumerate().filter_map(item).collect()
    }

    /// One object.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(values)) => {
                Ok(Some(Self { values: values.clone(), place: Place::Field(self.place(name)) }))
            }
            Some(other) => Err(self.wrong(name, other)),
        }
    }

    /// This object as a key with its value.
    pub(super) fn pair(&self) -> Result<KeyValue, ApiError> {
        Ok(KeyValue { key: self.required("key")?, value: self.any_text("value")?.unwrap_or_default() })
    }

    /// A list of keys with values.
    pub(super) fn pairs(&self, name: &str) -> Result<Vec<KeyValue>, ApiError> {
        self.objects(name)?.iter().map(Self::pair).collect()
    }

    /// An object of texts as keys with values.
    pub(super) fn map(&self, name: &str) -> Result<Vec<KeyValue>, ApiError> {
        let Some(object) = self.object(name)? else { return Ok(Vec::new()) };
        let pair = |(key, value): (&String, &Value)| match value {
            Value::String(text) => Ok(KeyValue { key: key.clone(), value: text.clone() }),
            other => Err(object.wrong(key, other)),
        };
        object.values.iter().map(pair).collect()
    }

    /// A value of any kind; null when it is not given.
    pub(super) fn any(&self, name: &str) -> Value {
        self.values.get(name).cloned().unwrap_or_default()
    }

    /// Whether a parameter is given, null apart.
    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The run that a request is about, under either of its names.
    pub(super) fn run_id(&self) -> Result<String, ApiError> {
        match self.text("run_id")? {
            Some(id) => Ok(id),
            None => self.text("run_uuid")?.ok_or_else(|| self.missing("run_id")),
        }
    }

    /// How many results are wanted.
    pub(super) fn max_results(&self, default: usize, most: usize) -> Result<usize, ApiError> {
        let Some(wanted) = self.integer("max_results")? else { return Ok(default) };
        match usize::try_from(wanted) {
            Ok(wanted) if (1..=most).contains(&wanted) => Ok(wanted),
            _ => Err(self.wrong("max_results", &json!(wanted))),
        }
    }
}

/// A whole number, also as text.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A number, also as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9.0e18).then_some(number as i64)
}

fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}
