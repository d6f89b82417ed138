//! The `canary` and `blueGreen` blocks. Refusals carry the messages of Argo Rollouts'
//! `pkg/apis/rollouts/validation`.

use super::analysis::{Reader, Templates};
use super::documents::{Notes, blank, duration, items};
use super::{Analysis, Background, Experiment, RolloutSpec, Step, Strategy};
use mainspring_domain::delivery::{HeaderRoute, MirrorMatch, MirrorRoute, TextMatch};
use mainspring_expressions::yaml::{Fault, Mapping, Node, Position};
use std::time::Duration;

/// Steps that a rollout may have.
const MAX_STEPS: usize = 200;
const CANARY: [&str; 9] = [
    "steps",
    "analysis",
    "trafficRouting",
    "canaryService",
    "stableService",
    "scaleDownDelaySeconds",
    "abortScaleDownDelaySeconds",
    "dynamicStableScale",
    "pingPong",
];
const CANARY_CLUSTER: [&str; 8] = [
    "maxSurge",
    "maxUnavailable",
    "antiAffinity",
    "canaryMetadata",
    "stableMetadata",
    "scaleDownDelayRevisionLimit",
    "minPodsPerReplicaSet",
    "replicaProgressThreshold",
];
const BLUE_GREEN: [&str; 9] = [
    "activeService",
    "previewService",
    "autoPromotionEnabled",
    "autoPromotionSeconds",
    "prePromotionAnalysis",
    "postPromotionAnalysis",
    "scaleDownDelaySeconds",
    "abortScaleDownDelaySeconds",
    "scaleDownDelayRevisionLimit",
];
const BLUE_GREEN_CLUSTER: [&str; 5] =
    ["previewReplicaCount", "maxUnavailable", "antiAffinity", "previewMetadata", "activeMetadata"];
const ROUTERS: [&str; 9] =
    ["istio", "nginx", "alb", "smi", "ambassador", "appMesh", "traefik", "apisix", "plugins"];
const STEPS: [&str; 8] = [
    "setWeight",
    "pause",
    "analysis",
    "experiment",
    "setCanaryScale",
    "setHeaderRoute",
    "setMirrorRoute",
    "plugin",
];
const STEP_KINDS: &str =
    "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause";

pub(super) fn read(
    node: &Node,
    root: &Node,
    templates: &Templates,
    notes: &mut Notes,
    history_limit: Option<u64>,
) -> Result<RolloutSpec, Fault> {
    let strategy = node.map("strategy")?;
    let reader = Reader { templates, rollout: root };
    if ["steps", "trafficRouting"].iter().any(|key| strategy.get(key).is_some()) {
        return canary(strategy, &reader, notes);
    }
    if strategy.get("activeService").is_some() {
        return blue_green(strategy, &reader, notes, history_limit);
    }
    strategy.deny_unknown("field of the strategy", &["canary", "blueGreen"])?;
    // `canary: {}` is a strategy too; an absent one is not.
    let block = |key: &str| strategy.entries.iter().find(|(name, _, _)| name == key).map(|(_, _, node)| node);
    let empty = Mapping::default();
    let inside = |node: &'_ Node, what: &str| match node.is_null() {
        true => Ok(None),
        false => node.map(what).map(|map| Some(map.clone())),
    };
    match (block("canary"), block("blueGreen")) {
        (Some(_), Some(second)) => Err(Fault::new(
            second.at,
            "Multiple Strategies can not be listed",
            "keep either `canary` or `blueGreen`",
        )),
        (Some(block), None) => canary(&inside(block, "canary")?.unwrap_or(empty), &reader, notes),
        (None, Some(block)) => {
            blue_green(&inside(block, "blueGreen")?.unwrap_or(empty), &reader, notes, history_limit)
        }
        (None, None) => Err(Fault::new(
            node.at,
            "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'",
            "add `canary:` with `steps:`, or `blueGreen:`",
        )),
    }
}

fn seconds(map: &Mapping, key: &str) -> Result<Option<Duration>, Fault> {
    map.get(key).map(|node| node.count(key).map(Duration::from_secs)).transpose()
}

/// Zero means that a version that was given up stays.
fn abort_delay(map: &Mapping) -> Result<Option<Duration>, Fault> {
    Ok(match seconds(map, "abortScaleDownDelaySeconds")? {
        None => Some(Duration::from_secs(30)),
        Some(Duration::ZERO) => None,
        given => given,
    })
}

fn canary(map: &Mapping, reader: &Reader<'_>, notes: &mut Notes) -> Result<RolloutSpec, Fault> {
    notes.fields(map, "field of `canary`", &CANARY, &CANARY_CLUSTER)?;
    let mut spec = blank(Strategy::Canary);
    let text = |key: &str| map.get(key).map(|node| node.scalar(key)).transpose();
    let (stable, canary) = (text("stableService")?, text("canaryService")?);
    if stable.is_some() && stable == canary {
        return Err(Fault::new(
            map.get("canaryService").map_or(map.at, |node| node.at),
            "This rollout uses the same service for the stable and canary services, but two different services are required.",
            "name two services, or leave both out: the gateway needs none",
        ));
    }
    let routes = match map.get("trafficRouting") {
        None => None,
        Some(routing) => {
            let needs_services = stable.is_none() || canary.is_none();
            Some(traffic_routing(routing, needs_services && map.get("pingPong").is_none(), notes)?)
        }
    };
    if let Some(ping_pong) = map.get("pingPong") {
        notes.warn(ping_pong.at, "`pingPong` only means something on Kubernetes and has no effect here");
    }
    let dynamic = map.get("dynamicStableScale");
    let is_dynamic = dynamic.map_or(Ok(false), |node| node.boolean("dynamicStableScale"))?;
    let delay = map.get("scaleDownDelaySeconds");
    match (routes.is_some(), delay, dynamic) {
        (false, Some(delay), _) => {
            return Err(Fault::new(
                delay.at,
                "Canary scaleDownDelaySeconds can only be used with traffic routing",
                "add `trafficRouting`, or remove it",
            ));
        }
        (false, None, Some(dynamic)) if is_dynamic => {
            return Err(Fault::new(
                dynamic.at,
                "Canary dynamicStableScale can only be used with traffic routing",
                "add `trafficRouting`, or remove it",
            ));
        }
        (true, Some(_), Some(dynamic)) if is_dynamic => {
            return Err(Fault::new(
                dynamic.at,
                "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds",
                "keep one of them",
            ));
        }
        (_, _, Some(dynamic)) => {
            notes.warn(dynamic.at, "`dynamicStableScale` has no effect here: workers are not scaled");
        }
        _ => {}
    }
    spec.scale_down_delay = seconds(map, "scaleDownDelaySeconds")?.unwrap_or(spec.scale_down_delay);
    spec.abort_scale_down_delay = abort_delay(map)?;
    let steps = items(map, "steps")?;
    if steps.len() > MAX_STEPS {
        return Err(Fault::new(map.at, format!("more than {MAX_STEPS} steps"), "join some of them"));
    }
    for node in steps {
        spec.steps.push(step(node, routes.as_deref(), reader, notes)?);
    }
    if let Some(node) = map.get("analysis") {
        let block = node.map("analysis")?;
        let starting = block.get("startingStep").map_or(Ok(0), |node| node.count("startingStep"))?;
        let analysis = reader.analysis(node, true, notes)?;
        if !analysis.metrics.is_empty() {
            let starting_step = usize::try_from(starting).unwrap_or(usize::MAX);
            spec.background = Some(Background { analysis, starting_step });
        }
    }
    Ok(spec)
}

/// The names of the managed routes; `None` when there is no such list.
fn traffic_routing(node: &Node, lacks_services: bool, notes: &mut Notes) -> Result<Vec<String>, Fault> {
    let map = node.map("trafficRouting")?;
    let known = ["managedRoutes", "maxTrafficWeight"];
    notes.fields(map, "field of `trafficRouting`", &known, &ROUTERS)?;
    let service_router = map.entries.iter().find(|(name, _, router)| {
        let split_by_subset =
            name == "istio" && router.map("istio").is_ok_and(|istio| istio.get("destinationRule").is_some());
        ROUTERS.contains(&name.as_str()) && name != "plugins" && !split_by_subset
    });
    if let (Some((_, at, _)), true) = (service_router, lacks_services) {
        return Err(Fault::new(
            *at,
            "Canary service and Stable service must to be set to use Traffic Routing",
            "add `canaryService` and `stableService`, or leave the router out: the gateway is one",
        ));
    }
    if let Some(weight) = map.get("maxTrafficWeight")
        && weight.count("maxTrafficWeight")? != 100
    {
        return Err(Fault::new(
            weight.at,
            "`maxTrafficWeight` other than 100 is not supported: the gateway's weights are percent",
            "write the weights in percent and remove `maxTrafficWeight`",
        ));
    }
    items(map, "managedRoutes")?
        .iter()
        .map(|route| {
            let route = route.map("managed route")?;
            route.deny_unknown("field of a managed route", &["name"])?;
            route.require("name", "the managed route")?.scalar("name")
        })
        .collect()
}

fn step(
    node: &Node,
    routes: Option<&[String]>,
    reader: &Reader<'_>,
    notes: &mut Notes,
) -> Result<Step, Fault> {
    let map = node.map("step")?;
    map.deny_unknown("step", &STEPS)?;
    let [(kind, _, value)] = map.entries.as_slice() else {
        return Err(Fault::new(node.at, STEP_KINDS, "write each as an item of its own: `- setWeight: 10`"));
    };
    match kind.as_str() {
        "setWeight" => {
            let fault = || {
                Fault::new(
                    value.at,
                    "SetWeight needs to be between 0 and 100",
                    "write the canary's share of the traffic in percent",
                )
            };
            let weight = value.number("setWeight").map_err(|_| fault())?;
            let whole = weight.fract() == 0.0 && (0.0..=100.0).contains(&weight);
            // Whole and between 0 and 100, so nothing is cut off.
            if whole { Ok(Step::SetWeight(weight as u8)) } else { Err(fault()) }
        }
        "pause" => {
            if value.is_null() {
                return Ok(Step::Pause(None));
            }
            let pause = value.map("pause")?;
            pause.deny_unknown("field of `pause`", &["duration"])?;
            Ok(Step::Pause(pause.get("duration").map(duration).transpose()?))
        }
        "analysis" => Ok(Step::Analysis(required(reader.analysis(value, false, notes)?, node.at)?)),
        "experiment" => experiment(value, routes.is_some(), reader, notes).map(Step::Experiment),
        "setCanaryScale" => canary_scale(value, routes.is_some(), notes),
        "setHeaderRoute" => {
            managed(
                value,
                routes,
                "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix",
            )?;
            header_route(value)
        }
        "setMirrorRoute" => {
            managed(value, routes, "SetMirrorRoute requires TrafficRouting, supports Istio and Plugins")?;
            mirror_route(value, notes)
        }
        _ => Err(Fault::new(
            value.at,
            "plugin steps are not supported: they are programs of the Argo Rollouts controller",
            "use `analysis` or `pause`",
        )),
    }
}

fn required(analysis: Analysis, at: Position) -> Result<Analysis, Fault> {
    if analysis.metrics.is_empty() {
        return Err(Fault::new(
            at,
            "the analysis has no metrics, so it would always pass",
            "name a template with at least one metric",
        ));
    }
    Ok(analysis)
}

fn canary_scale(value: &Node, routed: bool, notes: &mut Notes) -> Result<Step, Fault> {
    if !routed {
        return Err(Fault::new(
            value.at,
            "SetCanaryScale requires TrafficRouting to be set",
            "add `trafficRouting`",
        ));
    }
    let map = value.map("setCanaryScale")?;
    map.deny_unknown("field of `setCanaryScale`", &["weight", "replicas", "matchTrafficWeight"])?;
    notes.warn(value.at, "`setCanaryScale` has no effect here: `workers` in mainspring.toml says how many");
    let scale = if let Some(replicas) = map.get("replicas") {
        format!("replicas {}", replicas.count("replicas")?)
    } else if let Some(weight) = map.get("weight") {
        format!("weight {}", weight.count("weight")?)
    } else {
        "to the traffic's weight".to_owned()
    };
    Ok(Step::SetCanaryScale(scale))
}

fn managed(value: &Node, routes: Option<&[String]>, without: &str) -> Result<(), Fault> {
    let Some(routes) = routes else {
        return Err(Fault::new(
            value.at,
            without,
            "add `trafficRouting: {managedRoutes: [{name: ...}]}`; the gateway is the router",
        ));
    };
    if routes.is_empty() {
        return Err(Fault::new(
            value.at,
            "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'",
            "list the route's name there",
        ));
    }
    let name = value.map("route")?.require("name", "the route")?;
    if !routes.contains(&name.scalar("name")?) {
        return Err(Fault::new(
            name.at,
            "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes",
            "list the route's name there",
        ));
    }
    Ok(())
}

fn text_match(node: Option<&Node>, at: Position) -> Result<TextMatch, Fault> {
    let missed = || {
        Fault::new(
            at,
            "StringMatch value missed, match value must have one of the following: exact, regex, prefix",
            "write for example `{exact: \"1\"}`",
        )
    };
    let map = node.ok_or_else(missed)?.map("match")?;
    map.deny_unknown("field of a match", &["exact", "prefix", "regex"])?;
    let given: Vec<(&str, String)> = ["exact", "prefix", "regex"]
        .into_iter()
        .filter_map(|key| map.get(key).map(|node| (key, node)))
        .map(|(key, node)| Ok((key, node.scalar(key)?)))
        .collect::<Result<_, Fault>>()?;
    match given.as_slice() {
        [] => Err(missed()),
        [("exact", text)] => Ok(TextMatch::Exact(text.clone())),
        [("prefix", text)] => Ok(TextMatch::Prefix(text.clone())),
        [(_, pattern)] => {
            regex::RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|error| {
                Fault::new(map.at, format!("the regex cannot be read: {error}"), "check the brackets")
            })?;
            Ok(TextMatch::Regex(pattern.clone()))
        }
        _ => Err(Fault::new(
            map.at,
            "StringMatch match value must have exactly one of the following: exact, regex, prefix",
            "keep one of them",
        )),
    }
}

fn header_route(value: &Node) -> Result<Step, Fault> {
    let map = value.map("setHeaderRoute")?;
    map.deny_unknown("field of `setHeaderRoute`", &["name", "match"])?;
    let name = map.require("name", "the route")?.scalar("name")?;
    let mut headers = Vec::new();
    for node in items(map, "match")? {
        let found = node.map("match")?;
        found.deny_unknown("field of a header match", &["headerName", "headerValue"])?;
        let header = found.require("headerName", "the match")?.scalar("headerName")?;
        headers.push((header.to_ascii_lowercase(), text_match(found.get("headerValue"), node.at)?));
    }
    Ok(Step::SetHeaderRoute(HeaderRoute { name, headers }))
}

fn mirror_route(value: &Node, notes: &mut Notes) -> Result<Step, Fault> {
    let map = value.map("setMirrorRoute")?;
    notes.fields(map, "field of `setMirrorRoute`", &["name", "match", "percentage"], &["service"])?;
    let name = map.require("name", "the route")?.scalar("name")?;
    let percentage = match map.get("percentage") {
        None => 100,
        Some(node) => {
            u8::try_from(node.count("percentage")?).ok().filter(|share| *share <= 100).ok_or_else(|| {
                Fault::new(node.at, "percentage needs to be between 0 and 100", "write a share in percent")
            })?
        }
    };
    let mut matches = Vec::new();
    for node in items(map, "match")? {
        let found = node.map("match")?;
        found.deny_unknown("field of a route match", &["method", "path", "headers"])?;
        let part = |key: &str| found.get(key).map(|node| text_match(Some(node), node.at)).transpose();
        let mut headers = Vec::new();
        if let Some(given) = found.get("headers") {
            for (header, at, node) in &given.map("headers")?.entries {
                headers.push((header.to_ascii_lowercase(), text_match(Some(node), *at)?));
            }
        }
        matches.push(MirrorMatch { method: part("method")?, path: part("path")?, headers });
    }
    // As in Argo Rollouts: a route without conditions is one that is taken away.
    let route = (!matches.is_empty()).then(|| MirrorRoute { name: name.clone(), matches, percentage });
    Ok(Step::SetMirrorRoute(name, route))
}

fn experiment(
    value: &Node,
    routed: bool,
    reader: &Reader<'_>,
    notes: &mut Notes,
) -> Result<Experiment, Fault> {
    let map = value.map("experiment")?;
    let known = ["templates", "duration", "analyses", "dryRun"];
    notes.fields(map, "field of `experiment`", &known, &["analysisRunMetadata", "scaleDownDelaySeconds"])?;
    let mut weight = 0;
    for node in map.require("templates", "the experiment")?.list("templates")? {
        let template = node.map("template")?;
        let cluster = ["replicas", "metadata", "selector", "service"];
        notes.fields(
            template,
            "field of an experiment's template",
            &["name", "specRef", "weight"],
            &cluster,
        )?;
        let is_canary = template
            .require("specRef", "the template")?
            .one_of("specRef", &[("canary", true), ("stable", false)])?;
        let Some(share) = template.get("weight") else { continue };
        if !routed {
            return Err(Fault::new(
                share.at,
                "Experiment template weight cannot be set unless TrafficRouting is enabled",
                "add `trafficRouting`",
            ));
        }
        let count = share.count("weight")?;
        if is_canary {
            weight = u64::saturating_add(weight, count);
        } else {
            notes.warn(share.at, "the stable version is its own baseline: it gets what the canary does not");
        }
    }
    let mut analysis = Analysis { templates: Vec::new(), metrics: Vec::new() };
    let mut required = Vec::new();
    for node in items(map, "analyses")? {
        let (found, waits) = reader.experiment_analysis(node, map.get("dryRun"), notes)?;
        required.resize(required.len() + found.metrics.len(), waits);
        analysis.templates.extend(found.templates);
        analysis.metrics.extend(found.metrics);
    }
    let duration = map.get("duration").map(duration).transpose()?;
    if duration.is_none() && !required.contains(&true) {
        return Err(Fault::new(
            value.at,
            "the experiment would never end: it has no `duration` and waits for no analysis",
            "add `duration: 5m`, or `requiredForCompletion: true` to an analysis",
        ));
    }
    let weight = u8::try_from(weight).ok().filter(|weight| *weight <= 100).ok_or_else(|| {
        Fault::new(value.at, "SetWeight needs to be between 0 and 100", "give the templates less together")
    })?;
    Ok(Experiment { duration, weight, analysis, required })
}

fn blue_green(
    map: &Mapping,
    reader: &Reader<'_>,
    notes: &mut Notes,
    history_limit: Option<u64>,
) -> Result<RolloutSpec, Fault> {
    notes.fields(map, "field of `blueGreen`", &BLUE_GREEN, &BLUE_GREEN_CLUSTER)?;
    let active = map.get("activeService");
    let text = |node: Option<&Node>, key: &str| node.map(|node| node.scalar(key)).transpose();
    let preview = text(map.get("previewService"), "previewService")?;
    if let Some(node) = active
        && text(active, "activeService")? == preview
    {
        return Err(Fault::new(
            node.at,
            "This rollout uses the same service for the active and preview services, but two different services are required.",
            "name two services, or leave both out: the gateway needs none",
        ));
    }
    if let Some(limit) = map.get("scaleDownDelayRevisionLimit") {
        if history_limit.unwrap_or(10) < limit.count("scaleDownDelayRevisionLimit")? {
            return Err(Fault::new(
                limit.at,
                "This rollout's revision history limit can not be smaller than the rollout's scale down limit",
                "raise `revisionHistoryLimit`",
            ));
        }
        notes.warn(limit.at, "`scaleDownDelayRevisionLimit` has no effect here: one old version is kept");
    }
    let mut spec = blank(Strategy::BlueGreen);
    spec.scale_down_delay = seconds(map, "scaleDownDelaySeconds")?.unwrap_or(spec.scale_down_delay);
    spec.abort_scale_down_delay = abort_delay(map)?;
    let automatic =
        map.get("autoPromotionEnabled").map_or(Ok(true), |node| node.boolean("autoPromotionEnabled"))?;
    let after = seconds(map, "autoPromotionSeconds")?.filter(|time| *time > Duration::ZERO);
    if let Some(node) = map.get("prePromotionAnalysis") {
        spec.steps.push(Step::Analysis(required(reader.analysis(node, false, notes)?, node.at)?));
    }
    match (automatic, after) {
        // With automatic promotion off only a person goes on, whatever the seconds say.
        (false, _) => spec.steps.push(Step::Pause(None)),
        (true, Some(time)) => spec.steps.push(Step::Pause(Some(time))),
        (true, None) => {}
    }
    spec.steps.push(Step::Switch);
    if let Some(node) = map.get("postPromotionAnalysis") {
        spec.steps.push(Step::Analysis(required(reader.analysis(node, false, notes)?, node.at)?));
    }
    Ok(spec)
}
