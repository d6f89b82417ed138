//! Traces: what happened within one request, span by span, and what was said about it.

use crate::Timestamp;
use crate::tracking::KeyValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceState {
    /// Not said.
    #[default]
    Unspecified,
    /// Well.
    Ok,
    /// With an error.
    Error,
    /// It has not ended.
    InProgress,
}

impl TraceState {
    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "STATE_UNSPECIFIED",
            Self::Ok => "OK",
            Self::Error => "ERROR",
            Self::InProgress => "IN_PROGRESS",
        }
    }

    /// Reads the form of [`TraceState::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "STATE_UNSPECIFIED" => Self::Unspecified,
            "OK" => Self::Ok,
            "ERROR" => Self::Error,
            "IN_PROGRESS" => Self::InProgress,
            _ => return None,
        })
    }

    /// Whether it is not known how the request ended.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Unspecified | Self::InProgress)
    }
}

/// What is known of a trace apart from its spans.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceInfo {
    /// `tr-` and 32 hexadecimal digits, unless a client chose otherwise.
    pub id: String,
    /// The experiment it belongs to.
    pub experiment: i64,
    /// When the request began.
    pub started: Timestamp,
    /// How many milliseconds it took.
    pub duration: Option<i64>,
    /// How it ended.
    pub state: TraceState,
    /// The id that the traced program gave the request.
    pub client_request_id: Option<String>,
    /// The beginning of what was asked.
    pub request_preview: Option<String>,
    /// The beginning of what was answered.
    pub response_preview: Option<String>,
    /// What was said of it when it was made, by key.
    pub metadata: Vec<KeyValue>,
    /// Its tags.
    pub tags: Vec<KeyValue>,
    /// What was said about it afterwards.
    pub assessments: Vec<Assessment>,
}

impl TraceInfo {
    /// The value of a tag.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        value(&self.tags, key)
    }

    /// The value of a piece of metadata.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        value(&self.metadata, key)
    }
}

fn value<'a>(pairs: &'a [KeyValue], key: &str) -> Option<&'a str> {
    pairs.iter().find(|pair| pair.key == key).map(|pair| pair.value.as_str())
}

/// On which side of a call a span stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified,
    /// Within a program.
    Internal,
    /// Answers a call.
    Server,
    /// Makes a call.
    Client,
    /// Sends a message.
    Producer,
    /// Receives a message.
    Consumer,
}

/// How a span ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanStatus {
    /// Not said.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// With an error.
    Error,
}

impl SpanStatus {
    /// The form in which it is searched.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "UNSET",
            Self::Ok => "OK",
            Self::Error => "ERROR",
        }
    }
}

/// One step of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The trace's 32 hexadecimal digits.
    pub trace: String,
    /// 16 hexadecimal digits.
    pub id: String,
    /// The span it is a part of; none for the root.
    pub parent: Option<String>,
    /// Its name.
    pub name: String,
    /// On which side of a call it stands.
    pub kind: SpanKind,
    /// When it began, in nanoseconds since the Unix epoch.
    pub start: i64,
    /// When it ended, in nanoseconds since the Unix epoch.
    pub end: Option<i64>,
    /// How it ended.
    pub status: SpanStatus,
    /// More about how it ended.
    pub message: String,
    /// Its attributes, each as JSON text. Text and not values, so that what clients wrote comes back
    /// to the letter, numbers that JSON does not know included.
    pub attributes: BTreeMap<String, String>,
    /// What happened during it.
    pub events: Vec<SpanEvent>,
    /// Other spans it has to do with.
    pub links: Vec<SpanLink>,
}

impl Span {
    /// The value of an attribute; none as well where its text is not JSON.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<Value> {
        serde_json::from_str(self.attributes.get(key)?).ok()
    }

    /// The value of an attribute that is a text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        match self.attribute(key)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Something that happened during a span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpanEvent {
    /// Its name.
    pub name: String,
    /// When, in nanoseconds since the Unix epoch.
    pub time: i64,
    /// More about it.
    pub attributes: BTreeMap<String, Value>,
}

/// A reference to a span, perhaps of another trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpanLink {
    /// The trace's 32 hexadecimal digits.
    pub trace: String,
    /// The span's 16 hexadecimal digits.
    pub span: String,
    /// More about it.
    pub attributes: BTreeMap<String, Value>,
}

/// Who or what said something about a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AssessmentSource {
    /// Not said.
    #[default]
    Unspecified,
    /// A person.
    Human,
    /// A language model.
    LlmJudge,
    /// A program.
    Code,
}

/// What was said about a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Judgement {
    /// How good the answer was.
    Feedback {
        /// The verdict.
        value: Value,
        /// Why there is no verdict.
        error: Option<AssessmentError>,
    },
    /// What the answer should have been.
    Expectation {
        /// The right answer.
        value: Value,
    },
    /// It shows a known problem; the assessment's name is the problem's id.
    Issue {
        /// The problem's name.
        name: Option<String>,
    },
}

impl Judgement {
    /// The kind's stored name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Feedback { .. } => "feedback",
            Self::Expectation { .. } => "expectation",
            Self::Issue { .. } => "issue",
        }
    }
}

/// Why an assessment came to no verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssessmentError {
    /// Its code.
    pub code: String,
    /// What happened.
    pub message: Option<String>,
    /// Where it happened.
    pub stack_trace: Option<String>,
}

/// Something that was said about a trace or one of its spans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// `a-` and 32 hexadecimal digits.
    pub id: String,
    /// The trace.
    pub trace: String,
    /// What it judges, such as `correctness`.
    pub name: String,
    /// The judgement.
    pub judgement: Judgement,
    /// The kind of who said it.
    pub source: AssessmentSource,
    /// Who said it.
    pub source_id: Option<String>,
    /// When it was said.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Why.
    pub rationale: Option<String>,
    /// More about it.
    pub metadata: BTreeMap<String, String>,
    /// The span it is about.
    pub span: Option<String>,
    /// The assessment that it replaces.
    pub overrides: Option<String>,
    /// Whether nothing has replaced it.
    pub valid: bool,
}
