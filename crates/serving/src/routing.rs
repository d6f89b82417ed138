//! Rules that direct or mirror requests to the version on trial.

use mainspring_domain::delivery::{Routing, TextMatch};
use regex::{Regex, RegexBuilder};

/// Bytes that a compiled expression may take.
const REGEX_SIZE: usize = 1 << 20;
/// How every request counts for rules on methods.
const METHOD: &str = "POST";

/// What is known of who sends a request.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// What keeps the caller on one side of a canary.
    pub key: Option<String>,
    /// The headers that [`Gateway::watched_headers`](crate::Gateway::watched_headers) names, in lower
    /// case with their values.
    pub headers: Vec<(String, String)>,
}

/// Rules, ready to be asked.
#[derive(Default)]
pub(crate) struct Rules {
    directed: Vec<(String, Matcher)>,
    mirrors: Vec<Mirror>,
}

struct Mirror {
    name: String,
    percentage: u8,
    matches: Vec<Conditions>,
}

struct Conditions {
    method: Option<Matcher>,
    path: Option<Matcher>,
    headers: Vec<(String, Matcher)>,
}

enum Matcher {
    Exact(String),
    Prefix(String),
    Regex(Regex),
}

impl Matcher {
    fn new(text: &TextMatch) -> Result<Self, String> {
        Ok(match text {
            TextMatch::Exact(text) => Self::Exact(text.clone()),
            TextMatch::Prefix(text) => Self::Prefix(text.clone()),
            TextMatch::Regex(pattern) => {
                let pattern = RegexBuilder::new(pattern).size_limit(REGEX_SIZE).build();
                Self::Regex(pattern.map_err(|error| error.to_string())?)
            }
        })
    }

    fn is_met(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => text == exact,
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Regex(pattern) => pattern.is_match(text),
        }
    }
}

fn matchers(headers: &[(String, TextMatch)]) -> Result<Vec<(String, Matcher)>, String> {
    headers.iter().map(|(name, text)| Ok((name.clone(), Matcher::new(text)?))).collect()
}

fn has(caller: &Caller, name: &str, matcher: &Matcher) -> bool {
    caller.headers.iter().any(|(header, value)| header == name && matcher.is_met(value))
}

impl Rules {
    pub(crate) fn new(routing: &Routing) -> Result<Self, String> {
        let mut rules = Self::default();
        for route in &routing.headers {
            rules.directed.extend(matchers(&route.headers)?);
        }
        for route in &routing.mirrors {
            let mut matches = Vec::new();
            for found in &route.matches {
                matches.push(Conditions {
                    method: found.method.as_ref().map(Matcher::new).transpose()?,
                    path: found.path.as_ref().map(Matcher::new).transpose()?,
                    headers: matchers(&found.headers)?,
                });
            }
            rules.mirrors.push(Mirror { name: route.name.clone(), percentage: route.percentage, matches });
        }
        Ok(rules)
    }

    /// The headers that the rules look at.
    pub(crate) fn headers(&self) -> Vec<String> {
        let mirrored =
            self.mirrors.iter().flat_map(|mirror| &mirror.matches).flat_map(|found| &found.headers);
        self.directed.iter().chain(mirrored).map(|(name, _)| name.clone()).collect()
    }

    /// Whether a header sends the request to the version on trial.
    pub(crate) fn directs(&self, caller: &Caller) -> bool {
        self.directed.iter().any(|(name, matcher)| has(caller, name, matcher))
    }

    /// Whether a copy of the request goes to the version on trial. `falls` says whether a route's share
    /// takes the request. Every protocol counts as `POST /v2/models/MODEL/infer`.
    pub(crate) fn mirrors(&self, model: &str, caller: &Caller, falls: impl Fn(&str, u8) -> bool) -> bool {
        if self.mirrors.is_empty() {
            return false;
        }
        let path = format!("/v2/models/{model}/infer");
        let met = |found: &Conditions| {
            found.method.as_ref().is_none_or(|matcher| matcher.is_met(METHOD))
                && found.path.as_ref().is_none_or(|matcher| matcher.is_met(&path))
                && found.headers.iter().all(|(name, matcher)| has(caller, name, matcher))
        };
        self.mirrors.iter().any(|mirror| {
            (mirror.matches.is_empty() || mirror.matches.iter().any(met))
                && falls(&mirror.name, mirror.percentage)
        })
    }
}
