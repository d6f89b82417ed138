//! The rest of the year: month by month as live requests, whose labels come late, while the loop
//! decides by itself when to train and what to release.

use super::checks::{auc, champion, versioned};
use super::traffic::{Background, Request, replay, send_labels};
use super::world::World;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// The first month that is still to come.
const FIRST: u32 = 6;
/// The last month.
const LAST: u32 = 12;
/// The last month where the server is killed again and again: what is shown by then is not shown
/// better by more of the same.
const LAST_UNDER_KILLS: u32 = 8;
/// Requests a second while the loop is at work.
const BACKGROUND: f64 = 90.0;
/// `cooldown` of the project's monitor, in milliseconds.
const COOLDOWN: i64 = 60_000;
/// How long nothing may happen until the loop counts as at rest.
const REST: Duration = Duration::from_secs(1);

/// Plays the months, each once the loop has come to rest after the one before.
pub(crate) fn play(world: &mut World) -> Result<String> {
    let mut months = Vec::new();
    let before = ids(&alerted(world)?);
    let last = if world.is_under_kills() { LAST_UNDER_KILLS } else { LAST };
    for month in FIRST..=last {
        at_rest(world)?;
        let window = served(world, month)?;
        let broken = !window["breaches"].as_array().is_some_and(Vec::is_empty);
        let requests = world.requests(month)?;
        let traffic = Background::start(world.url(), &format!("live-{month:02}"), &requests, BACKGROUND);
        if broken {
            retraining_follows(world, &window)?;
        }
        filed(world, month)?;
        at_rest(world)?;
        let failed = traffic.stop().iter().filter(|answer| answer.status != 200).count();
        ensure!(failed == 0, "{failed} requests failed beside the loop's work on month {month}");
        months.push(json!({
            "month": month, "version": window["version"], "auc": window["values"]["auc"],
            "calibration_gap": window["values"]["calibration_gap"], "breaches": window["breaches"],
        }));
    }
    let alerts = months.iter().filter(|month| month["breaches"] != json!([])).count();
    let aucs: Vec<String> = months
        .iter()
        .map(|month| format!("{:.3} (v{})", month["auc"].as_f64().unwrap_or(f64::NAN), month["version"]))
        .collect();
    world.fact("months", &months);
    let trainings: Vec<Value> =
        alerted(world)?.into_iter().filter(|run| !before.contains(&run["run_id"])).collect();
    let released = trainings.iter().filter(|run| run["state"] == "success").count();
    let champion = champion(world)?.context("no version is in charge")?;
    Ok(format!(
        "AUC from June on {}; {alerts} months beyond the limits, {} retrainings, {released} of them passed the \
         gates; version {champion} in charge at the end",
        aucs.join(", "),
        trainings.len()
    ))
}

/// A month is answered by the version in charge, then labelled; gives what the monitor made of it.
fn served(world: &World, month: u32) -> Result<Value> {
    let requests = world.requests(month)?;
    let total = requests.len();
    let name = format!("month-{month:02}");
    let version = champion(world)?.context("no version is in charge")?;
    let before = newest_window(world)?.map_or(0, |window| window["id"].as_i64().unwrap_or(0));
    let answers = replay(world.url(), &name, &requests, |done| {
        if done % 50 == 0 {
            world.show(format!("month {month}: {done} of {total} requests answered"));
        }
    })?;
    let right = answers
        .iter()
        .filter(|answer| answer.status == 200 && answer.version.map(u64::from) == Some(version))
        .count();
    ensure!(right == total, "version {version} answered {right} of the {total} requests of month {month}");
    let matched = send_labels(world.url(), "flights", &name, &requests)?;
    ensure!(matched == total, "{matched} of {total} labels of month {month} found their request");
    let window = world.until("the monitor", |world| {
        Ok(newest_window(world)?.filter(|window| window["id"].as_i64() > Some(before)))
    })?;
    ensure!(
        window["version"] == version && window["rows"].as_u64() == Some(total as u64),
        "odd window: {window}"
    );
    // What users were told and what came true give the same figure outside the server.
    let scores: Vec<f64> = answers.iter().filter_map(|answer| answer.score).collect();
    let labels: Vec<bool> = requests.iter().map(Request::is_late).collect();
    let own = auc(&scores, &labels).context("the answers hold no scores")?;
    let monitored = window["values"]["auc"].as_f64().context("no AUC")?;
    ensure!(
        (own - monitored).abs() < 1e-9,
        "month {month}: the monitor's AUC is {monitored}, the answers give {own}"
    );
    Ok(window)
}

fn newest_window(world: &World) -> Result<Option<Value>> {
    let monitor = world.get("/api/v1/monitors/flights")?;
    Ok(monitor["windows"].as_array().and_then(|windows| windows.first()).cloned())
}

/// Limits were broken: an alert is open, and it has started a training, now or within its cooldown.
fn retraining_follows(world: &World, window: &Value) -> Result<()> {
    let monitor = world.get("/api/v1/monitors/flights")?;
    let alert = &monitor["alerts"][0];
    ensure!(
        alert.is_object() && alert["resolved"].is_null(),
        "limits were broken ({}), but no alert is open",
        window["breaches"]
    );
    let judged = window["time"].as_i64().context("the window has no time")?;
    world.until("the retraining", |world| {
        let found = alerted(world)?.iter().any(|run| run["created"].as_i64() > Some(judged - COOLDOWN));
        Ok(found.then_some(()))
    })
}

/// The runs that an alert started.
fn alerted(world: &World) -> Result<Vec<Value>> {
    let runs = world.get("/api/v1/runs?limit=50")?;
    let caused = |run: &&Value| run["conf"]["reason"] == "alert";
    Ok(runs["runs"].as_array().into_iter().flatten().filter(caused).cloned().collect())
}

/// The month's file arrives, is checked and put under version control.
fn filed(world: &World, month: u32) -> Result<()> {
    let name = format!("flights-2013-{month:02}.csv");
    let arrived = format!("incoming/{name}");
    // A damaged file of that name may have come before.
    let earlier = ids(&runs_with(world, &arrived)?);
    world.deliver(&world.month(month), &name)?;
    let run = world.until("the month's file", |world| {
        let runs = runs_with(world, &arrived)?;
        Ok(runs.into_iter().find(|run| {
            !earlier.contains(&run["run_id"]) && matches!(run["state"].as_str(), Some("success" | "failed"))
        }))
    })?;
    // A candidate that does not pass the battery fails the run; the data is kept all the same.
    ensure!(
        run["tasks"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|task| task["task_id"] == "version_data" && task["state"] == "success"),
        "month {month} was not put under version control: {run}"
    );
    versioned(world, &name)?;
    Ok(())
}

fn runs_with(world: &World, file: &str) -> Result<Vec<Value>> {
    let runs = world.get("/api/v1/runs?limit=50")?;
    let has =
        |run: &&Value| run["conf"]["files"].as_array().is_some_and(|files| files.contains(&json!(file)));
    Ok(runs["runs"].as_array().into_iter().flatten().filter(has).cloned().collect())
}

fn ids(runs: &[Value]) -> Vec<Value> {
    runs.iter().map(|run| run["run_id"].clone()).collect()
}

/// Waits until no run and no rollout is under way, and nothing begins for a while.
fn at_rest(world: &World) -> Result<()> {
    let mut since = None;
    world.until("the loop to come to rest", |world| {
        let runs = world.get("/api/v1/runs?limit=50")?;
        let at_work = runs["runs"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|run| !matches!(run["state"].as_str(), Some("success" | "failed")));
        let rollouts = world.get("/api/v1/rollouts?model=flights")?;
        let rolling =
            rollouts["rollouts"].as_array().into_iter().flatten().any(|rollout| rollout["ended"].is_null());
        if at_work || rolling {
            since = None;
            return Ok(None);
        }
        let since = since.get_or_insert_with(std::time::Instant::now);
        Ok((since.elapsed() > REST).then_some(()))
    })
}
