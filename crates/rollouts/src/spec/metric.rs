//! One metric of a template. Limits are checked as Argo Rollouts checks them (`ValidateMetric`).

use super::arguments::{Arguments, RuntimeArgument};
use super::documents::{Notes, duration};
use mainspring_domain::delivery::Arm;
use mainspring_expressions::condition::Condition;
use mainspring_expressions::yaml::{Fault, Mapping, Node, Value};
use std::time::Duration;

const METRIC: [&str; 11] = [
    "name",
    "interval",
    "initialDelay",
    "count",
    "successCondition",
    "failureCondition",
    "failureLimit",
    "inconclusiveLimit",
    "consecutiveErrorLimit",
    "consecutiveSuccessLimit",
    "provider",
];
const PROMETHEUS: [&str; 5] = ["address", "query", "timeout", "insecure", "headers"];
/// The longest a query may take.
const MAX_TIMEOUT: u64 = 300;

/// One metric of an analysis, with Argo's fields and defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalysisMetric {
    /// Its name.
    pub name: String,
    /// Time between measurements.
    pub interval: Option<Duration>,
    /// Time before the first one.
    pub initial_delay: Duration,
    /// How many measurements; `None` is without end.
    pub count: Option<u32>,
    /// A measurement succeeds when this holds.
    pub success_condition: Option<String>,
    /// A measurement fails when this holds, even if the other holds too.
    pub failure_condition: Option<String>,
    /// Failed measurements allowed; -1 = any number.
    pub failure_limit: i64,
    /// Inconclusive measurements allowed.
    pub inconclusive_limit: i64,
    /// Errors in a row allowed.
    pub consecutive_error_limit: i64,
    /// Successes in a row that decide; 0 = none do.
    pub consecutive_success_limit: i64,
    /// Measured and shown, but without a say.
    pub dry_run: bool,
    /// What is measured.
    pub provider: Provider,
    /// Arguments of the query that are known only while the rollout is under way.
    pub runtime: Vec<(String, RuntimeArgument)>,
}

/// An address without `user:password@`.
#[must_use]
pub fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => address.to_owned(),
    }
}

/// Where a measurement comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Provider {
    /// Mainspring's own record of the traffic.
    Mainspring(Query),
    /// An instant query of a Prometheus server.
    Prometheus {
        /// The server's address.
        address: String,
        /// The query.
        query: String,
        /// How long it may take.
        timeout: Duration,
        /// Headers of the request.
        headers: Vec<(String, String)>,
    },
}

/// What is measured of the live traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The quantity.
    pub metric: Quantity,
    /// How far back it looks.
    pub window: Duration,
    /// With fewer requests the measurement is an error, not a number.
    pub min_requests: u64,
    /// The side that is measured.
    pub arm: Arm,
}

macro_rules! quantities {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// A quantity of the live traffic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Quantity { $($(#[doc = $doc])* $name),* }

        const QUANTITIES: &[(&str, Quantity)] = &[$(($text, Quantity::$name)),*];
    };
}

quantities! {
    /// Share of requests that failed in the model, 0 to 1.
    ErrorRate = "errorRate",
    /// Requests in the window.
    RequestCount = "requestCount",
    /// Median of the latency in milliseconds.
    LatencyP50Ms = "latencyP50Ms",
    /// 95th percentile of the latency in milliseconds.
    LatencyP95Ms = "latencyP95Ms",
    /// 99th percentile of the latency in milliseconds.
    LatencyP99Ms = "latencyP99Ms",
    /// The canary's 95th percentile of the latency over that of stable.
    LatencyP95Ratio = "latencyP95Ratio",
    /// The canary's 99th percentile of the latency over that of stable.
    LatencyP99Ratio = "latencyP99Ratio",
    /// Population stability index of the canary's scores against those of stable.
    PredictionPsi = "predictionPsi",
    /// Kolmogorov-Smirnov distance of the canary's scores to those of stable.
    PredictionKs = "predictionKs",
    /// Area under the ROC curve, of requests whose labels have come.
    Auc = "auc",
    /// Mean squared error of scores and labels.
    Brier = "brier",
    /// Share of labels that score and threshold 0.5 foretold.
    Accuracy = "accuracy",
    /// The canary's accuracy less that of stable.
    AccuracyDelta = "accuracyDelta",
    /// Share of mirrored requests that both versions decide alike.
    ShadowAgreement = "shadowAgreement",
    /// Mean distance of both versions' scores on mirrored requests.
    ShadowDistance = "shadowDistance",
    /// Share of mirrored requests that failed in the canary.
    ShadowErrorRate = "shadowErrorRate",
    /// The canary's median latency over that of stable, on mirrored requests.
    ShadowLatencyRatio = "shadowLatencyRatio",
}

impl Quantity {
    /// Whether it compares both sides by itself.
    #[must_use]
    pub const fn compares(self) -> bool {
        !matches!(
            self,
            Self::ErrorRate
                | Self::RequestCount
                | Self::LatencyP50Ms
                | Self::LatencyP95Ms
                | Self::LatencyP99Ms
                | Self::Auc
                | Self::Brier
                | Self::Accuracy
        )
    }
}

/// Reads a metric. `endless` says whether it may run until the rollout is over.
pub(super) fn read(
    node: &Node,
    template: &str,
    arguments: &Arguments,
    endless: bool,
    notes: &mut Notes,
) -> Result<AnalysisMetric, Fault> {
    let map = node.map("metric")?;
    map.deny_unknown("field of a metric", &METRIC)?;
    let name = map.require("name", "the metric")?.scalar("name")?;
    let at = node.at;
    let text = |key: &str| -> Result<Option<(String, &Node)>, Fault> {
        map.get(key).map(|node| Ok((arguments.fill(&node.scalar(key)?, node.at)?, node))).transpose()
    };
    let time = |key: &str| -> Result<Option<Duration>, Fault> {
        let Some((value, node)) = text(key)? else { return Ok(None) };
        duration(&Node { at: node.at, value: Value::Text(value) }).map(Some)
    };
    let number = |key: &str, default: i64, least: i64| -> Result<i64, Fault> {
        let Some((value, node)) = text(key)? else { return Ok(default) };
        let rule = if key == "failureLimit" {
            "failureLimit must be >= 0, or -1 to be disabled".to_owned()
        } else {
            format!("{key} must be >= {least}")
        };
        let number = value.parse::<i64>().ok().filter(|number| *number >= least);
        number.ok_or_else(|| Fault::new(node.at, rule, "write a whole number"))
    };
    let condition = |key: &str| -> Result<Option<String>, Fault> {
        let Some((value, node)) = text(key)? else { return Ok(None) };
        Condition::compile(&value).map_err(|error| {
            let message = format!("the condition cannot be read: {error}");
            Fault::new(node.at, message, "write for example `result[0] <= 0.02`")
        })?;
        Ok(Some(value))
    };
    let interval = time("interval")?;
    let count = number("count", 0, 0)?;
    let fault =
        |message: String, hint: &str| Err(Fault::new(at, format!("metric `{name}`: {message}"), hint));
    let metric = AnalysisMetric {
        initial_delay: time("initialDelay")?.unwrap_or_default(),
        count: match (count, interval) {
            (0, Some(_)) => None,
            (0, None) => Some(1),
            (count, _) => Some(u32::try_from(count).unwrap_or(u32::MAX)),
        },
        interval,
        success_condition: condition("successCondition")?,
        failure_condition: condition("failureCondition")?,
        failure_limit: number("failureLimit", 0, -1)?,
        inconclusive_limit: number("inconclusiveLimit", 0, 0)?,
        consecutive_error_limit: number("consecutiveErrorLimit", 4, 0)?,
        consecutive_success_limit: number("consecutiveSuccessLimit", 0, 0)?,
        dry_run: false,
        provider: provider(map.require("provider", "the metric")?, arguments, notes)?,
        runtime: arguments.runtime(),
        name: name.clone(),
    };
    let (failures, successes) = (metric.failure_limit, metric.consecutive_success_limit);
    if successes == 0 && failures == -1 && map.get("consecutiveSuccessLimit").is_some() {
        return fault(
            "failureLimit and consecutiveSuccessLimit cannot both be disabled".to_owned(),
            "set one of them",
        );
    }
    if count > 0 && failures >= 0 && count < failures.saturating_add(successes) {
        return fault(
            format!(
                "count ({count}) must be >= failureLimit + consecutiveSuccessLimit ({failures} + {successes}) if both >= 0"
            ),
            "raise `count`",
        );
    }
    if count > 0 && failures < 0 && count < successes {
        return fault("count must be >= consecutiveSuccessLimit".to_owned(), "raise `count`");
    }
    if count > 0 && count < metric.inconclusive_limit {
        return fault("count must be >= inconclusiveLimit".to_owned(), "raise `count`");
    }
    if count > 1 && interval.is_none() {
        return fault(
            "interval must be specified when count > 1".to_owned(),
            "add for example `interval: 30s`",
        );
    }
    if metric.count.is_none() && !endless && successes == 0 {
        return Err(Fault::new(
            at,
            format!("AnalysisTemplate {template} has metric {name} which runs indefinitely"),
            "give it a `count` of at least 1",
        ));
    }
    if metric.success_condition.is_none() && metric.failure_condition.is_none() {
        return fault(
            "it has no condition, so it would always pass".to_owned(),
            "add `successCondition: result <= LIMIT`",
        );
    }
    Ok(metric)
}

fn provider(node: &Node, arguments: &Arguments, notes: &mut Notes) -> Result<Provider, Fault> {
    let map = node.map("provider")?;
    let [(kind, at, inside)] = map.entries.as_slice() else {
        let message =
            if map.entries.is_empty() { "no provider specified" } else { "multiple providers specified" };
        return Err(Fault::new(node.at, message, "name one of `prometheus` and `plugin.mainspring`"));
    };
    match kind.as_str() {
        "prometheus" => prometheus(inside.map("prometheus")?, arguments, notes),
        "plugin" => {
            let plugin = inside.map("plugin")?;
            plugin.deny_unknown("plugin", &["mainspring"])?;
            let query = plugin.require("mainspring", "`plugin`")?;
            Ok(Provider::Mainspring(own(query.map("mainspring")?, arguments)?))
        }
        other => Err(Fault::new(
            *at,
            format!("the provider `{other}` is not supported"),
            "measure with `prometheus` or `plugin.mainspring`",
        )),
    }
}

fn own(map: &Mapping, arguments: &Arguments) -> Result<Query, Fault> {
    map.deny_unknown("field of `mainspring`", &["metric", "window", "minRequests", "arm"])?;
    let filled = |node: &Node, key: &str| -> Result<Node, Fault> {
        Ok(Node { at: node.at, value: Value::Text(arguments.fill(&node.scalar(key)?, node.at)?) })
    };
    let metric = map.require("metric", "the query")?;
    let quantity = filled(metric, "metric")?.one_of("metric", QUANTITIES)?;
    let arm = match map.get("arm") {
        None => Arm::Canary,
        Some(node) => {
            let arm =
                filled(node, "arm")?.one_of("arm", &[("canary", Arm::Canary), ("stable", Arm::Stable)])?;
            if arm == Arm::Stable && quantity.compares() {
                return Err(Fault::new(
                    node.at,
                    "this metric compares the canary with stable; there is no other side of it",
                    "write `arm: canary` or leave it out",
                ));
            }
            arm
        }
    };
    let min_requests = match map.get("minRequests") {
        None => 20,
        Some(node) => filled(node, "minRequests")?.text("minRequests")?.parse().map_err(|_| {
            Fault::new(node.at, "`minRequests` must be a whole number from 0", "write for example `100`")
        })?,
    };
    let window = map.get("window").map(|node| duration(&filled(node, "window")?)).transpose()?;
    Ok(Query { metric: quantity, window: window.unwrap_or(Duration::from_secs(30)), min_requests, arm })
}

fn prometheus(map: &Mapping, arguments: &Arguments, notes: &mut Notes) -> Result<Provider, Fault> {
    for (key, message) in [
        ("authentication", "authentication at Prometheus is not supported"),
        ("rangeQuery", "range queries are not supported; an instant query may look back: `rate(...[5m])`"),
    ] {
        if let Some(node) = map.get(key) {
            return Err(Fault::new(node.at, message, format!("remove `{key}`")));
        }
    }
    map.deny_unknown("field of `prometheus`", &PROMETHEUS)?;
    let fill = |key: &str| -> Result<String, Fault> {
        let node = map.require(key, "`prometheus`")?;
        arguments.fill(&node.scalar(key)?, node.at)
    };
    let address = fill("address")?;
    if !(address.starts_with("http://") || address.starts_with("https://")) {
        return Err(Fault::new(
            map.get("address").map_or(map.at, |node| node.at),
            "prometheus address is not is url format",
            "write for example `http://prometheus:9090`",
        ));
    }
    if let Some(node) = map.get("insecure")
        && node.boolean("insecure")?
    {
        return Err(Fault::new(
            node.at,
            "`insecure: true` is not supported: certificates are always checked",
            "remove it",
        ));
    }
    let timeout = match map.get("timeout") {
        None => 30,
        Some(node) => node.count("timeout").map_err(|fault| Fault {
            message: "prometheus timeout should not be negative".to_owned(),
            ..fault
        })?,
    };
    if timeout > MAX_TIMEOUT {
        notes.warn(map.at, format!("the query's timeout is cut to {MAX_TIMEOUT} s"));
    }
    let mut headers = Vec::new();
    if let Some(node) = map.get("headers") {
        for header in node.list("headers")? {
            let header = header.map("header")?;
            header.deny_unknown("field of a header", &["key", "value"])?;
            let value = header.require("value", "the header")?;
            let key = header.require("key", "the header")?.scalar("key")?;
            headers.push((key, arguments.fill(&value.scalar("value")?, value.at)?));
        }
    }
    let timeout = Duration::from_secs(timeout.min(MAX_TIMEOUT));
    Ok(Provider::Prometheus { address, query: fill("query")?, timeout, headers })
}
