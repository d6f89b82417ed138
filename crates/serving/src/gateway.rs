//! The routes of all models.

use crate::limits;
use crate::mirror::{Live, Mirrored, Mirrors};
use crate::routing::{Caller, Rules};
use crate::server::ModelServer;
use crate::testing::{Assigned, TestRoute};
use crate::{Rows, ServeError};
use mainspring_domain::delivery::{Arm, PREVIEW, Routing, route_parts};
use mainspring_domain::monitoring::Prediction;
use mainspring_domain::{Clock, Timestamp};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// Assigns a request to an arm: salt, key, the canary's weight in percent.
pub type Assign = fn(&str, &str, u8) -> Arm;

/// A version with its workers.
#[derive(Clone, Debug)]
pub struct ServedVersion {
    /// The version's number.
    pub version: u32,
    /// The rollout that brought it, or is bringing it.
    pub rollout: Option<String>,
    /// Its workers.
    pub server: Arc<ModelServer>,
}

#[derive(Clone, Default)]
struct Route {
    stable: Option<ServedVersion>,
    canary: Option<ServedVersion>,
    weight: u8,
    /// Which requests are directed or mirrored to the version on trial.
    rules: Arc<Rules>,
    /// The test that splits the requests.
    test: Option<Arc<TestRoute>>,
    /// A version in charge is known, but its workers are still loading.
    loading: bool,
}

impl Route {
    /// All versions, the one in charge first; an arm of a test that is there already counts once.
    fn versions(&self) -> Vec<ServedVersion> {
        let mut versions: Vec<ServedVersion> = self.stable.iter().chain(&self.canary).cloned().collect();
        for arm in self.test.iter().flat_map(|test| &test.arms) {
            if versions.iter().all(|known| known.version != arm.version) {
                versions.push(arm.clone());
            }
        }
        versions
    }
}

/// What a name stands for.
struct Named<'a> {
    /// The route's own name.
    model: &'a str,
    route: Arc<Route>,
    /// Whether only the version on trial is meant.
    preview: bool,
}

impl Named<'_> {
    fn versions(&self) -> Vec<ServedVersion> {
        if self.preview { self.route.canary.iter().cloned().collect() } else { self.route.versions() }
    }

    /// What answers a request that names no version.
    fn first(&self) -> Option<&ServedVersion> {
        if self.preview { self.route.canary.as_ref() } else { self.route.stable.as_ref() }
    }
}

/// What a route looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteView {
    /// The registered model.
    pub model: String,
    /// The version in charge.
    pub stable: Option<u32>,
    /// The version on trial.
    pub canary: Option<u32>,
    /// The canary's share of the traffic in percent.
    pub weight: u8,
    /// Whether the stable version has a worker that answers.
    pub ready: bool,
}

/// An answered or failed request.
#[derive(Clone, Debug)]
pub struct Served {
    /// The version that was asked.
    pub version: u32,
    /// Its workers, which know what it gives.
    pub server: Arc<ModelServer>,
    /// What to store: one entry per row.
    pub predictions: Vec<Prediction>,
    /// The arm of a test that it counts for.
    pub assigned: Option<Assigned>,
    /// The answer.
    pub outcome: Result<Vec<Value>, ServeError>,
}

/// Holds the routes and serves requests. Cheap to share.
pub struct Gateway {
    routes: RwLock<HashMap<String, Arc<Route>>>,
    assign: Assign,
    clock: Arc<dyn Clock>,
    mirrors: Mirrors,
}

impl Gateway {
    /// A gateway without routes.
    #[must_use]
    pub fn new(assign: Assign, clock: Arc<dyn Clock>) -> Self {
        Self { routes: RwLock::default(), assign, clock, mirrors: Mirrors::default() }
    }

    /// Makes a version the one in charge and ends the trial of any other. The switch is atomic:
    /// a request sees the route before or after it.
    pub fn set_stable(&self, model: &str, version: ServedVersion) {
        self.change(model, |_| Route { stable: Some(version), ..Route::default() });
    }

    /// Splits the requests of a model among the arms of a test from now on, or no longer. A rollout
    /// under way goes before: the test rests until it has ended.
    pub fn set_test(&self, model: &str, test: Option<TestRoute>) {
        let test = test.map(Arc::new);
        self.change(model, |route| Route { test, ..route });
    }

    /// The test that splits the requests of a model.
    #[must_use]
    pub fn test(&self, model: &str) -> Option<Arc<TestRoute>> {
        self.route(model).and_then(|route| route.test.clone())
    }

    /// Announces a route whose version is still loading, so that requests are asked to come again
    /// instead of being told that there is nothing.
    pub fn set_loading(&self, model: &str) {
        self.change(model, |route| Route { loading: true, ..route });
    }

    /// Whether a route was announced and nothing has come of it yet.
    #[must_use]
    pub fn is_loading(&self, model: &str) -> bool {
        self.route(model).is_some_and(|route| route.loading)
    }

    /// Puts the version in charge back after a restart, or loaded anew, whatever trial goes on beside it.
    /// Gives false and changes nothing when another version has been put in charge meanwhile.
    pub fn restore_stable(&self, model: &str, version: ServedVersion) -> bool {
        let mut restored = false;
        self.change(model, |route| {
            restored = route.stable.as_ref().is_none_or(|now| now.version == version.version);
            if restored { Route { stable: Some(version), loading: false, ..route } } else { route }
        });
        restored
    }

    /// Adds a version on trial, without traffic and rules.
    pub fn set_canary(&self, model: &str, version: ServedVersion) {
        let rules = Arc::default();
        self.change(model, |route| Route { canary: Some(version), weight: 0, rules, ..route });
    }

    /// Directs and mirrors requests to the version on trial by these rules from now on.
    ///
    /// # Errors
    /// When a regular expression among them cannot be read; nothing is changed then.
    pub fn set_routing(&self, model: &str, routing: &Routing) -> Result<(), String> {
        let rules = Arc::new(Rules::new(routing)?);
        self.change(model, |route| Route { rules, ..route });
        Ok(())
    }

    /// Gives the version on trial this share of the traffic.
    pub fn set_weight(&self, model: &str, weight: u8) {
        self.change(model, |route| Route { weight, ..route });
    }

    /// Ends the trial: the version in charge answers everything.
    pub fn drop_canary(&self, model: &str) {
        let rules = Arc::default();
        self.change(model, |route| Route { canary: None, weight: 0, rules, ..route });
    }

    /// The headers, in lower case, that decide where a request for this model goes.
    #[must_use]
    pub fn watched_headers(&self, model: &str) -> Vec<String> {
        self.route(model).map(|route| route.rules.headers()).unwrap_or_default()
    }

    /// Copies of requests for versions on trial, to be asked and compared by whoever takes them.
    #[must_use]
    pub const fn mirrors(&self) -> &Mirrors {
        &self.mirrors
    }

    /// Takes a model's route away; its workers end when the requests that they have are answered.
    pub fn remove(&self, model: &str) {
        self.routes.write().unwrap_or_else(PoisonError::into_inner).remove(model);
    }

    /// Takes all routes away; their workers end.
    pub fn clear(&self) {
        self.routes.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The version on trial.
    #[must_use]
    pub fn canary(&self, model: &str) -> Option<ServedVersion> {
        self.route(model).and_then(|route| route.canary.clone())
    }

    /// The version in charge.
    #[must_use]
    pub fn stable(&self, model: &str) -> Option<ServedVersion> {
        self.route(model).and_then(|route| route.stable.clone())
    }

    /// The versions of a model that are loaded, the one in charge first, then those on trial in a rollout
    /// or a test; of `MODEL@preview` the one on trial in a rollout.
    #[must_use]
    pub fn versions(&self, model: &str) -> Vec<ServedVersion> {
        self.named(model).map(|named| named.versions()).unwrap_or_default()
    }

    /// The loaded version that a name means: the one in charge, that of the preview, or the one that the
    /// client names.
    ///
    /// # Errors
    /// [`ServeError::NotReady`] for what is loading, else that nothing of the kind is there.
    pub fn find(&self, model: &str, version: Option<u32>) -> Result<ServedVersion, ServeError> {
        Ok(self.look_up(model, version)?.1)
    }

    /// The same with its route: both as they are at one moment.
    fn look_up<'a>(
        &self,
        model: &'a str,
        version: Option<u32>,
    ) -> Result<(Named<'a>, ServedVersion), ServeError> {
        let named = self.named(model);
        let loaded = named.as_ref().map(Named::versions).unwrap_or_default();
        let found = match version {
            None => named.as_ref().and_then(Named::first).cloned(),
            Some(version) => loaded.iter().find(|loaded| loaded.version == version).cloned(),
        };
        match (named, found, version) {
            (Some(named), Some(found), _) => Ok((named, found)),
            (Some(named), None, _) if named.route.loading => Err(ServeError::NotReady),
            (_, _, None) => Err(ServeError::NotDeployed(model.to_owned())),
            (_, _, Some(version)) => {
                let loaded = loaded.iter().map(|loaded| loaded.version).collect();
                Err(ServeError::NotLoaded { model: model.to_owned(), version, loaded })
            }
        }
    }

    /// Whether every model of production that is deployed answers. A first version on trial is not deployed
    /// yet.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let production = routes.iter().filter(|(model, _)| route_parts(model).1.is_none());
        production.map(|(_, route)| route).all(|route| match &route.stable {
            Some(stable) => stable.server.is_ready(),
            None => !route.loading,
        })
    }

    /// The names of all routes, those of stages included.
    #[must_use]
    pub fn routes(&self) -> Vec<String> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// The routes of production, by model.
    #[must_use]
    pub fn views(&self) -> Vec<RouteView> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let mut views: Vec<RouteView> = routes
            .iter()
            .filter(|(model, _)| route_parts(model).1.is_none())
            .map(|(model, route)| RouteView {
                model: model.clone(),
                stable: route.stable.as_ref().map(|version| version.version),
                canary: route.canary.as_ref().map(|version| version.version),
                weight: route.weight,
                ready: route.stable.as_ref().is_some_and(|version| version.server.is_ready()),
            })
            .collect();
        views.sort_by(|a, b| a.model.cmp(&b.model));
        views
    }

    /// Serves one request. The caller's key decides the arm, so that a client that sends the same key
    /// stays on the same version; without one the request id does. A version on trial that does not
    /// answer is not asked. `MODEL@preview` asks the version on trial alone.
    ///
    /// # Errors
    /// When nothing is deployed or the rows do not fit; failures of the model come in
    /// [`Served::outcome`], because they are part of the record.
    pub async fn predict(
        &self,
        model: &str,
        request_id: &str,
        caller: &Caller,
        event_time: Option<Timestamp>,
        rows: Rows,
        params: &Value,
    ) -> Result<Served, ServeError> {
        limits::check(&rows)?;
        let (Named { model, route, preview }, stable) = self.look_up(model, None)?;
        if preview {
            let arm = (Arm::Canary, route.weight);
            return self.ask(model, &stable, arm, request_id, event_time, rows, params).await;
        }
        let Some(canary) = &route.canary else {
            let unit = caller.key.as_deref().unwrap_or(request_id);
            let assigned = route.test.as_deref().and_then(|test| assigned(test, &stable, unit, &rows));
            let chosen = assigned.as_ref().map_or(&stable, |(_, version)| version);
            let shadowed = route.test.as_deref().filter(|test| test.shadow && assigned.is_some());
            let copy = shadowed.map(|test| (test, Arc::new(rows.clone())));
            let served =
                self.ask(model, chosen, (Arm::Stable, 0), request_id, event_time, rows, params).await?;
            if let Some((test, rows)) = copy {
                // A control that fails is compared as well: left out, it would look as if it never did.
                let answers = served.outcome.as_deref().unwrap_or_default();
                for candidate in test.arms.iter().skip(1) {
                    self.mirror(model, request_id, (&rows, params), (&served, answers), candidate);
                }
            }
            return Ok(Served { assigned: assigned.map(|(assigned, _)| assigned), ..served });
        };
        let salt = canary.rollout.as_deref().unwrap_or(model);
        let directed = route.rules.directs(caller)
            || (self.assign)(salt, caller.key.as_deref().unwrap_or(request_id), route.weight) == Arm::Canary;
        let ready = canary.server.is_ready();
        if directed && ready {
            let arm = (Arm::Canary, route.weight);
            return self.ask(model, canary, arm, request_id, event_time, rows, params).await;
        }
        let mirrors = ready
            && route.rules.mirrors(model, caller, |name, percentage| {
                (self.assign)(&format!("{salt}/{name}"), request_id, percentage) == Arm::Canary
            });
        let copy = mirrors.then(|| Arc::new(rows.clone()));
        let arm = (Arm::Stable, route.weight);
        let served = self.ask(model, &stable, arm, request_id, event_time, rows, params).await?;
        if let (Some(rows), Ok(answers)) = (copy, &served.outcome) {
            self.mirror(model, request_id, (&rows, params), (&served, answers), canary);
        }
        Ok(served)
    }

    /// Sends a copy of a request to be asked of another version, with what was answered.
    fn mirror(
        &self,
        model: &str,
        request_id: &str,
        (rows, params): (&Arc<Rows>, &Value),
        (served, answers): (&Served, &[Value]),
        shadow: &ServedVersion,
    ) {
        self.mirrors.send(Mirrored {
            model: model.to_owned(),
            request_id: request_id.to_owned(),
            rows: Arc::clone(rows),
            params: params.clone(),
            live: Live {
                version: served.version,
                answers: answers.to_vec(),
                latency_us: served.predictions.first().map_or(0, |prediction| prediction.latency_us),
            },
            shadow: shadow.clone(),
        });
    }

    /// Whether a version is on trial for a model, in a rollout or a test.
    #[must_use]
    pub fn is_on_trial(&self, model: &str, version: &ServedVersion) -> bool {
        let Some(route) = self.route(model) else { return false };
        let arms = route.test.iter().flat_map(|test| &test.arms);
        version.rollout.is_some()
            && route.canary.iter().chain(arms).any(|known| known.rollout == version.rollout)
    }

    /// Serves one request by a loaded version that the client names. It counts for no rollout: the
    /// client chose the side.
    ///
    /// # Errors
    /// As [`Gateway::predict`]; also when the version is not loaded.
    pub async fn predict_version(
        &self,
        model: &str,
        version: u32,
        request_id: &str,
        event_time: Option<Timestamp>,
        rows: Rows,
        params: &Value,
    ) -> Result<Served, ServeError> {
        limits::check(&rows)?;
        let (named, chosen) = self.look_up(model, Some(version))?;
        let chosen = ServedVersion { rollout: None, ..chosen };
        self.ask(named.model, &chosen, (Arm::Stable, 0), request_id, event_time, rows, params).await
    }

    #[expect(clippy::too_many_arguments, reason = "all of it goes into the record")]
    async fn ask(
        &self,
        model: &str,
        chosen: &ServedVersion,
        (arm, canary_weight): (Arm, u8),
        request_id: &str,
        event_time: Option<Timestamp>,
        rows: Rows,
        params: &Value,
    ) -> Result<Served, ServeError> {
        limits::check_filled(&rows, chosen.server.inputs())?;
        let rows = chosen.server.fit(rows)?;
        let began = Instant::now();
        let outcome = chosen.server.predict(&rows, params).await;
        let latency_us = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let time = self.clock.now();
        let error = outcome.as_ref().err().map(limits::kept_error);
        let predictions = rows
            .data
            .iter()
            .enumerate()
            .map(|(index, row)| Prediction {
                // The first row has the request's own id, so a one-row request is found by it.
                id: if index == 0 { request_id.to_owned() } else { format!("{request_id}.{index}") },
                time,
                event_time,
                model: model.to_owned(),
                version: chosen.version,
                arm,
                rollout: chosen.rollout.clone(),
                canary_weight,
                features: rows.named(row),
                score: outcome.as_ref().ok().and_then(|outputs| outputs.get(index)).and_then(score),
                error: error.clone(),
                latency_us,
                label: None,
                label_time: None,
            })
            .collect();
        let server = Arc::clone(&chosen.server);
        Ok(Served { version: chosen.version, server, predictions, assigned: None, outcome })
    }

    fn named<'a>(&self, name: &'a str) -> Option<Named<'a>> {
        if let Some(route) = self.route(name) {
            return Some(Named { model: name, route, preview: false });
        }
        let model = name.strip_suffix(PREVIEW)?;
        Some(Named { model, route: self.route(model)?, preview: true })
    }

    fn route(&self, model: &str) -> Option<Arc<Route>> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).get(model).cloned()
    }

    fn change(&self, model: &str, change: impl FnOnce(Route) -> Route) {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let before = routes.get(model).map(|route| Route::clone(route)).unwrap_or_default();
        routes.insert(model.to_owned(), Arc::new(change(before)));
    }
}

/// The arm of a unit. One whose workers do not answer has nobody: the version in charge answers, and the
/// test does not count what is not its doing.
fn assigned(
    test: &TestRoute,
    stable: &ServedVersion,
    unit: &str,
    rows: &Rows,
) -> Option<(Assigned, ServedVersion)> {
    let features = attributes(stable, rows)?;
    let arm = (test.split)(unit, &features)?;
    let arm = if test.shadow { 0 } else { arm };
    // The version in charge may have been loaded anew since the test began.
    let version = test.arms.get(arm)?;
    let version = if version.version == stable.version { stable } else { version };
    if !version.server.is_ready() {
        return None;
    }
    let assigned = Assigned {
        test: test.test.clone(),
        phase: test.phase,
        unit: unit.to_owned(),
        arm: u16::try_from(arm).ok()?,
    };
    Some((assigned, version.clone()))
}

/// What is known of who asks: the columns of the first row. Rows without names have those of the inputs of
/// the version in charge; what that version would refuse takes no part.
fn attributes(stable: &ServedVersion, rows: &Rows) -> Option<Map<String, Value>> {
    let first = rows.data.first()?;
    if rows.columns.is_some() {
        return Some(rows.named(first));
    }
    let fitted = stable.server.fit(Rows { columns: None, data: vec![first.clone()] }).ok()?;
    fitted.data.first().map(|row| fitted.named(row))
}

/// The number that monitoring follows: the prediction itself, or the last of a list (the
/// probability of the positive class), or of a record.
#[must_use]
pub fn score(prediction: &Value) -> Option<f64> {
    match prediction {
        Value::Number(number) => number.as_f64(),
        Value::Bool(yes) => Some(f64::from(u8::from(*yes))),
        Value::Array(values) => values.last().and_then(score),
        Value::Object(fields) => fields.values().next_back().and_then(score),
        Value::Null | Value::String(_) => None,
    }
}
