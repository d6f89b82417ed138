//! The story, step by step. Each step lets something happen from outside (a file arrives, requests
//! and labels come) and then asserts, from outside, that the loop did what it must.

use super::checks::{
    champion, dvc_agrees, each_task_ran_once, ended_rollout, md5, split, state, states, training_runs,
    versioned, when,
};
use super::traffic::{Background, replay, send_labels};
use super::world::World;
use super::year;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

/// The number of steps.
pub(crate) const STEPS: usize = 9;

/// All tasks of the DAG, in order.
const TASKS: [&str; 9] = [
    "validate",
    "version_data",
    "needs_training",
    "feature_tests",
    "train",
    "evaluate",
    "test_battery",
    "register",
    "promote",
];

/// Requests a second beside a rollout.
const BACKGROUND: f64 = 90.0;

/// Plays all steps; the first that fails ends the story.
pub(crate) fn play(world: &mut World) -> Result<()> {
    world.step("January to March arrive, are checked, versioned and committed", arrival)?;
    world.step("A model is trained, tested, registered and answers", first_model)?;
    world.step("April is served; late labels show that the model got worse", degradation)?;
    world.step("Retraining starts by itself; the new version goes through a canary", retraining)?;
    world.step("A damaged month is stopped by the data gate", damaged_month)?;
    world.step("A worse model is stopped by the model gate", worse_model)?;
    world.step("A model that fails in production is rolled back by the canary", faulty_model)?;
    world.step("The rest of the year is served; the loop retrains when it must", year::play)?;
    world.step("Every prediction can be traced back to its data", lineage)?;
    summary(world)
}

fn arrival(world: &mut World) -> Result<String> {
    for month in [1, 2] {
        world.deliver(&world.month(month), &format!("flights-2013-{month:02}.csv"))?;
    }
    // March comes slowly: until it is complete it must not count.
    let march = std::fs::read(world.month(3))?;
    let (first, second) = march.split_at(march.len() / 2);
    let mut file = std::fs::File::create(world.project.join("incoming/flights-2013-03.csv"))?;
    file.write_all(first)?;
    file.flush()?;
    std::thread::sleep(Duration::from_millis(1200));
    let arrivals = world.get("/api/v1/data/arrivals")?;
    let early = arrivals["arrivals"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|a| a["path"] == "incoming/flights-2013-03.csv");
    ensure!(!early, "a file that was still being written was taken for complete");
    file.write_all(second)?;
    drop(file);
    let names = ["flights-2013-01.csv", "flights-2013-02.csv", "flights-2013-03.csv"];
    let mut hashes = Vec::new();
    world.until("the pipeline to version the data", |world| {
        let runs = world.get("/api/v1/runs?limit=10")?;
        let found =
            runs["runs"].as_array().into_iter().flatten().find(|run| run["run_type"] == "data_triggered");
        let Some(run) = found else { return Ok(None) };
        match state(run, "version_data") {
            "success" => Ok(Some(())),
            "failed" | "upstream_failed" => {
                states(run, &[("validate", "success"), ("version_data", "success")])?;
                Ok(None)
            }
            _ => Ok(None),
        }
    })?;
    for name in names {
        hashes.push(versioned(world, name)?);
    }
    dvc_agrees(world, &names)?;
    let gates = world.get("/api/v1/gates?gate=data")?;
    ensure!(
        gates["reports"][0]["verdict"] == "pass",
        "the data gate did not pass: {}",
        gates["reports"][0]["summary"]
    );
    world.fact("data", hashes);
    let real = if world.dvc.is_some() { "; the real dvc agrees" } else { "" };
    Ok(format!("3 files, {}{real}", gates["reports"][0]["summary"].as_str().unwrap_or("")))
}

fn first_model(world: &mut World) -> Result<String> {
    let run = world.run_that("the pipeline", |run| run["run_type"] == "data_triggered")?;
    states(&run, &TASKS.map(|task| (task, "success")))?;
    each_task_ran_once(&run)?;
    world.until("version 1 to answer", |world| Ok((champion(world)? == Some(1)).then_some(())))?;
    let request = &world.requests(4)?[0];
    let columns: Vec<&String> = request.features.as_object().context("features")?.keys().collect();
    let row: Vec<&Value> = request.features.as_object().context("features")?.values().collect();
    let (status, scored) =
        world.post("/invocations", &json!({ "dataframe_split": { "columns": columns, "data": [row] } }))?;
    ensure!(status == 200, "/invocations answered {status}: {scored}");
    let inputs: Vec<Value> = request
        .features
        .as_object()
        .context("features")?
        .iter()
        .map(|(name, value)| {
            let datatype = if value.is_string() {
                "BYTES"
            } else if value.is_i64() {
                "INT64"
            } else {
                "FP64"
            };
            json!({ "name": name, "shape": [1], "datatype": datatype, "data": [value] })
        })
        .collect();
    let (status, inferred) = world.post("/v2/models/flights/infer", &json!({ "inputs": inputs }))?;
    ensure!(status == 200, "/v2/models/flights/infer answered {status}: {inferred}");
    let answered = scored["predictions"][0][1].as_f64().context("no prediction")?;
    let other = inferred["outputs"][0]["data"][1].as_f64().context("no output")?;
    let real = predict_offline(world, &request.features)?;
    ensure!(
        (answered - real).abs() < 1e-9 && (other - real).abs() < 1e-9,
        "the server answers {answered} and {other}, the registered model says {real}"
    );
    let (status, wrong) = world.post("/invocations", &json!({ "dataframe_records": [{ "hour": 9 }] }))?;
    let message = wrong["message"].as_str().unwrap_or_default();
    ensure!(
        status == 400 && message.contains("carrier"),
        "wrong columns were answered with {status}: {wrong}"
    );
    let battery = world.get("/api/v1/gates?gate=battery&limit=1")?;
    let auc = battery["reports"][0]["report"]["metrics"]["auc"].as_f64().context("the battery has no AUC")?;
    world.fact("run_id", &run["run_id"]);
    world.fact("heldout_auc", auc);
    Ok(format!("version 1 answers {answered:.4}, as the model itself does; AUC {auc:.3} on weeks held out"))
}

/// What the registered model says outside the server, by the unmodified client.
fn predict_offline(world: &World, features: &Value) -> Result<f64> {
    let script = "import json, sys, pandas as pd, mlflow\n\
        row = pd.DataFrame([json.loads(sys.argv[1])])\n\
        model = mlflow.pyfunc.load_model('models:/flights@champion')\n\
        types = {c.name: c.type.to_pandas() for c in model.metadata.get_input_schema()}\n\
        print(repr(float(model.predict(row.astype(types))[0][1])))";
    let output = Command::new(world.project.join(".venv/bin/python"))
        .args(["-c", script, &features.to_string()])
        .env("MLFLOW_TRACKING_URI", world.url())
        .current_dir(&world.project)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    text.parse()
        .with_context(|| format!("the client says: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

fn degradation(world: &mut World) -> Result<String> {
    let requests = world.requests(4)?;
    let total = requests.len();
    let answers = {
        let world = &*world;
        replay(world.url(), "apr", &requests, |done| {
            if done % 50 == 0 {
                world.show(format!("April: {done} of {total} requests answered"));
            }
        })?
    };
    let bad = answers.iter().filter(|answer| answer.status != 200).count();
    ensure!(bad == 0, "{bad} of {total} requests failed");
    ensure!(answers.iter().all(|answer| answer.version == Some(1)), "somebody else than version 1 answered");
    // The month's file comes with its labels. With a good champion it is kept and nothing is trained.
    world.deliver(&world.month(4), "flights-2013-04.csv")?;
    let run = world.run_that("April's file", |run| {
        run["conf"]["files"]
            .as_array()
            .is_some_and(|files| files.iter().any(|file| file == "incoming/flights-2013-04.csv"))
    })?;
    states(&run, &[("version_data", "success"), ("needs_training", "success"), ("train", "skipped")])?;
    versioned(world, "flights-2013-04.csv")?;
    let matched = send_labels(world.url(), "flights", "apr", &requests)?;
    ensure!(matched == total, "{matched} of {total} labels found their request");
    let window = world.until("the monitor", |world| {
        let monitor = world.get("/api/v1/monitors/flights")?;
        Ok(monitor["windows"].as_array().and_then(|windows| windows.first()).cloned())
    })?;
    let auc = window["values"]["auc"].as_f64().context("no AUC")?;
    let gap = window["values"]["calibration_gap"].as_f64().context("no calibration gap")?;
    let drift = window["drift"]["temp"].as_f64().context("no drift of `temp`")?;
    ensure!(window["version"] == 1 && window["rows"].as_u64() == Some(total as u64), "odd window: {window}");
    ensure!((0.58..0.68).contains(&auc), "April's AUC is {auc:.3}, it should be about 0.65");
    ensure!(drift > 0.25, "April is warmer than winter, but the drift of `temp` is {drift:.3}");
    let snapshot = world.get("/api/v1/loop")?;
    let monitor = world.get("/api/v1/monitors/flights")?;
    let alert = &monitor["alerts"][0];
    ensure!(alert.is_object(), "no alert was raised: {}", snapshot["models"][0]["windows"]);
    world.fact("window", &window);
    world.fact("alert", alert);
    let breaches: Vec<&str> =
        alert["breaches"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Ok(format!(
        "AUC {auc:.3}, calibration gap {gap:.3}, PSI of temp {drift:.2}; alert: {}",
        breaches.join("; ")
    ))
}

fn retraining(world: &mut World) -> Result<String> {
    let may = world.requests(5)?;
    let traffic = Background::start(world.url(), "live-a", &may, BACKGROUND);
    let run = world.run_that("the retraining", |run| run["run_type"] == "alert_triggered")?;
    states(&run, &TASKS.map(|task| (task, "success")))?;
    each_task_ran_once(&run)?;
    let gates = world.get("/api/v1/gates?gate=battery&limit=1")?;
    let report = &gates["reports"][0]["report"];
    let candidate = report["metrics"]["auc"].as_f64().context("no AUC of the candidate")?;
    let before = report["champion_metrics"]["auc"].as_f64().context("the champion was not compared")?;
    let rollout = ended_rollout(world, 2)?;
    let answers = traffic.stop();
    ensure!(
        rollout["state"]["phase"] == "Healthy",
        "the rollout ended {}: {}",
        rollout["state"]["phase"],
        rollout["state"]["message"]
    );
    let ten = when(&rollout, "canary gets 10 %").context("the canary never had 10 %")?;
    let fifty = when(&rollout, "canary gets 50 %").context("the canary never had 50 %")?;
    let hundred = when(&rollout, "canary gets 100 %").context("the canary never had 100 %")?;
    let low = split(world, &answers, 2, (ten, fifty), 0.10)?;
    let high = split(world, &answers, 2, (fifty, hundred), 0.50)?;
    let bad = answers.iter().filter(|answer| answer.status != 200).count();
    ensure!(bad == 0, "{bad} of {} requests failed beside the rollout", answers.len());
    ensure!(champion(world)? == Some(2), "version 2 is not in charge");
    let requests = world.requests(5)?;
    let answers = {
        let world = &*world;
        replay(world.url(), "may", &requests, |done| {
            if done % 50 == 0 {
                world.show(format!("May: {done} of {} requests answered", requests.len()));
            }
        })?
    };
    ensure!(
        answers.iter().all(|answer| answer.version == Some(2)),
        "somebody else than version 2 answered in May"
    );
    send_labels(world.url(), "flights", "may", &requests)?;
    let window = world.until("the monitor", |world| {
        let monitor = world.get("/api/v1/monitors/flights")?;
        let newest = monitor["windows"].as_array().and_then(|windows| windows.first()).cloned();
        Ok(newest.filter(|window| window["version"] == 2))
    })?;
    let auc = window["values"]["auc"].as_f64().context("no AUC")?;
    ensure!(
        window["breaches"].as_array().is_some_and(Vec::is_empty),
        "May broke limits: {}",
        window["breaches"]
    );
    let snapshot = world.get("/api/v1/loop")?;
    ensure!(snapshot["models"][0]["alert"].is_null(), "the alert is still open");
    world.fact("rollout", &rollout["id"]);
    world.fact("candidate_auc", candidate);
    world.fact("champion_auc", before);
    world.fact("may_auc", auc);
    world.fact("canary_shares", [low, high]);
    Ok(format!(
        "candidate {candidate:.3} against {before:.3}; canary saw {:.1} % and {:.1} % of the traffic, then all; AUC in May {auc:.3}",
        low * 100.0,
        high * 100.0
    ))
}

fn damaged_month(world: &mut World) -> Result<String> {
    let before = training_runs(world)?;
    world.deliver(&world.dir.join("damaged.csv"), "flights-2013-06.csv")?;
    let run = world.run_that("the damaged month", |run| {
        run["conf"]["files"]
            .as_array()
            .is_some_and(|files| files.iter().any(|file| file == "incoming/flights-2013-06.csv"))
    })?;
    ensure!(run["state"] == "failed", "the run is {}", run["state"]);
    states(
        &run,
        &[("validate", "failed"), ("version_data", "upstream_failed"), ("train", "upstream_failed")],
    )?;
    let gates = world.get("/api/v1/gates?gate=data&limit=1")?;
    let report = &gates["reports"][0];
    let damaged = md5(&world.dir.join("damaged.csv"))?;
    ensure!(
        report["subject"] == format!("md5:{damaged}"),
        "the newest report is about {}",
        report["subject"]
    );
    let broken: Vec<&Value> = report["report"]["checks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|check| check["verdict"] == "fail")
        .collect();
    let rows_shown =
        broken.iter().filter(|check| check["sample"].as_array().is_some_and(|rows| !rows.is_empty())).count();
    let names: Vec<&str> = broken.iter().filter_map(|check| check["name"].as_str()).collect();
    for expected in ["known_carrier", "flight_once", "dew_point_below_temperature"] {
        ensure!(names.contains(&expected), "the gate did not notice `{expected}`: {names:?}");
    }
    ensure!(rows_shown >= 3, "failing rows are shown for {rows_shown} of {} broken rules", broken.len());
    ensure!(training_runs(world)? == before, "something was trained");
    ensure!(
        !world.project.join("data/flights-2013-06.csv").exists(),
        "the damaged month is under version control"
    );
    world.fact("broken", &names);
    Ok(format!("stopped: {}", report["summary"].as_str().unwrap_or("")))
}

fn trigger(world: &World, conf: &Value, reason: &str) -> Result<Value> {
    let body = json!({ "conf": conf, "reason": reason });
    let (status, created) = world.post("/api/v1/dags/flights_training/runs", &body)?;
    ensure!(status == 200, "the run was refused with {status}: {created}");
    let id = created["run_id"].as_str().context("no run id")?.to_owned();
    world.run_that(reason, |run| run["run_id"] == id.as_str())
}

fn worse_model(world: &mut World) -> Result<String> {
    let run = trigger(world, &json!({ "train": true, "shuffle_labels": true }), "train on shuffled labels")?;
    ensure!(run["state"] == "failed", "the run is {}", run["state"]);
    states(
        &run,
        &[
            ("train", "success"),
            ("test_battery", "failed"),
            ("register", "upstream_failed"),
            ("promote", "upstream_failed"),
        ],
    )?;
    let gates = world.get("/api/v1/gates?gate=battery&limit=1")?;
    let report = &gates["reports"][0];
    ensure!(report["verdict"] == "fail", "the battery says {}", report["verdict"]);
    // The gate cannot be walked around through the compatible API either.
    let subject = report["subject"].as_str().context("subject")?;
    let mlflow_run = subject.strip_prefix("run:").context("the report is not about a run")?;
    let (_, found) = world.post(
        "/api/2.0/mlflow/logged-models/search",
        &json!({ "experiment_ids": experiments(world)?, "max_results": 50 }),
    )?;
    let model = found["models"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|model| model["info"]["source_run_id"] == mlflow_run)
        .context("the run logged no model")?;
    let id = model["info"]["model_id"].as_str().context("model id")?;
    let new =
        json!({ "name": "flights", "source": format!("models:/{id}"), "model_id": id, "run_id": mlflow_run });
    let (status, created) = world.post("/api/2.0/mlflow/model-versions/create", &new)?;
    ensure!(status == 200, "registering answered {status}: {created}");
    let version = created["model_version"]["version"].clone();
    let stage = json!({ "name": "flights", "version": version, "stage": "Production", "archive_existing_versions": false });
    let (status, refused) = world.post("/api/2.0/mlflow/model-versions/transition-stage", &stage)?;
    ensure!(status == 403, "production was answered with {status}: {refused}");
    ensure!(champion(world)? == Some(2), "version 2 is no longer in charge");
    world.fact("refusal", &refused["message"]);
    Ok(format!("stopped: {}", report["summary"].as_str().unwrap_or("")))
}

fn experiments(world: &World) -> Result<Vec<Value>> {
    let (_, found) = world.post("/api/2.0/mlflow/experiments/search", &json!({ "max_results": 100 }))?;
    Ok(found["experiments"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|found| found["experiment_id"].clone())
        .collect())
}

fn faulty_model(world: &mut World) -> Result<String> {
    let requests = world.requests(7)?;
    let traffic = Background::start(world.url(), "live-b", &requests, BACKGROUND);
    let run = trigger(
        world,
        &json!({ "train": true, "variant": "faulty" }),
        "train the version that fails in production",
    )?;
    states(&run, &TASKS.map(|task| (task, "success")))?;
    let promoted: u64 = run["attempts"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|attempt| {
            attempt["task_id"] == "register" && attempt["result"]["outcome"]["state"] == "success"
        })
        .and_then(|attempt| attempt["result"]["outcome"]["xcoms"]["return_value"].as_str()?.parse().ok())
        .context("`register` handed on no version")?;
    let rollout = ended_rollout(world, promoted)?;
    // Requests after the rollback: the champion answers them all.
    std::thread::sleep(Duration::from_secs(2));
    let answers = traffic.stop();
    let phase = &rollout["state"]["phase"];
    ensure!(phase == "Degraded", "the faulty version's rollout is {phase}");
    let message = rollout["state"]["message"].as_str().unwrap_or_default();
    ensure!(message.contains("error-rate"), "it was rolled back for another reason: {message}");
    let ten = when(&rollout, "canary gets 10 %").context("the canary never had 10 %")?;
    let analysed = when(&rollout, "analysis started").context("no analysis started")?;
    let aborted = when(&rollout, "aborted").context("never aborted")?;
    ensure!(when(&rollout, "canary gets 50 %").is_none(), "the faulty version got past its first step");
    // One interval of the analysis is 2 s, and a second for the look itself. A kill in between costs
    // the time in which workers load again.
    let patience = if world.kills() == 0 { 3_000 } else { 30_000 };
    ensure!(aborted - analysed <= patience, "it took {} ms of analysis to notice", aborted - analysed);
    let share = split(world, &answers, promoted, (ten, aborted), 0.10)?;
    let failed: Vec<_> = answers.iter().filter(|answer| answer.status >= 500).collect();
    let during = answers.iter().filter(|answer| answer.time >= ten && answer.time <= aborted + 500).count();
    ensure!(!failed.is_empty(), "no request failed, so nothing was proved");
    ensure!(
        failed.iter().all(|answer| answer.time >= ten && answer.time <= aborted + 1_000),
        "requests failed outside the trial"
    );
    let hurt = failed.len() as f64 / during as f64;
    ensure!(hurt <= 0.10, "{:.1} % of the users were hurt", hurt * 100.0);
    ensure!(champion(world)? == Some(2), "version 2 is no longer in charge");
    world.fact("rollout", &rollout["id"]);
    world.fact("failed_requests", failed.len());
    world.fact("analysis_ms", aborted - analysed);
    Ok(format!(
        "rolled back {:.1} s after its analysis began; it had {:.1} % of the traffic, {:.1} % of the users saw an error",
        (aborted - analysed) as f64 / 1000.0,
        share * 100.0,
        hurt * 100.0
    ))
}

fn lineage(world: &mut World) -> Result<String> {
    let (code, text) = world.mainspring(&["why", "may-00007", "--json"])?;
    ensure!(code == 0, "`mainspring why` ended with {code}: {text}");
    let why: Value = serde_json::from_str(&text)?;
    ensure!(why["model"]["version"] == 2, "May was answered by {}", why["model"]["version"]);
    ensure!(
        why["prediction"]["arm"] == "stable" && why["prediction"]["label"].is_number(),
        "{}",
        why["prediction"]
    );
    ensure!(why["rollout"]["phase"] == "Healthy", "{}", why["rollout"]);
    let promoted = why["model"]["promoted"]["actor"].as_str().context("nobody promoted it")?;
    ensure!(promoted.starts_with("task:flights_training/"), "it was promoted by {promoted}");
    ensure!(why["pipeline"]["run_type"] == "alert_triggered", "{}", why["pipeline"]);
    let commit = why["pipeline"]["commit"].as_str().context("no commit")?;
    let known = Command::new("git").args(["cat-file", "-e", commit]).current_dir(&world.project).status()?;
    ensure!(known.success(), "Git does not know {commit}");
    let data = why["data"].as_array().context("no data")?;
    ensure!(data.len() == 4, "training saw {} files, not January to April", data.len());
    for month in 1..=4 {
        let hash = md5(&world.month(month))?;
        ensure!(
            data.iter().any(|file| file["md5"] == hash.as_str()),
            "month {month} is missing in the lineage"
        );
    }
    ensure!(
        why["gates"].as_array().is_some_and(|gates| gates.iter().any(|gate| gate["gate"] == "battery")),
        "no gate"
    );
    ensure!(why["gaps"].as_array().is_some_and(Vec::is_empty), "gaps: {}", why["gaps"]);
    let (code, text) = world.mainspring(&["why", "flights/1", "--json"])?;
    let first: Value = serde_json::from_str(&text)?;
    ensure!(code == 0 && first["data"].as_array().is_some_and(|data| data.len() == 3), "version 1: {text}");
    let (code, text) = world.mainspring(&["why", "nobody-knows-this"])?;
    ensure!(code == 1, "an unknown id ended with {code}: {text}");
    let (code, text) = world.mainspring(&["audit", "verify", "--json"])?;
    let audit: Value = serde_json::from_str(&text)?;
    ensure!(code == 0 && audit["first_bad"].is_null(), "the audit trail is broken: {text}");
    world.fact("why", &why);
    world.fact("audit", &audit);
    Ok(format!(
        "request may-00007 → flights/2 → run {} → commit {} → 4 files; {} audit entries in an unbroken chain",
        why["run"]["run_id"].as_str().unwrap_or("?"),
        &commit[..10],
        audit["entries"]
    ))
}

fn summary(world: &World) -> Result<()> {
    let snapshot = world.get("/api/v1/loop")?;
    let model = &snapshot["models"][0];
    println!("\nThe loop went round in {:.0} s. Where it stands:", world.seconds());
    println!("  in charge     flights/{}", model["champion"]["version"]);
    println!(
        "  predictions   {}, {} with labels",
        model["counts"]["predictions"], model["counts"]["labelled"]
    );
    for window in model["windows"].as_array().into_iter().flatten() {
        let auc = window["values"]["auc"].as_f64().unwrap_or(f64::NAN);
        let breaches: Vec<&str> =
            window["breaches"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        println!("  monitor       version {} AUC {auc:.3} {}", window["version"], breaches.join("; "));
    }
    if world.kills() > 0 {
        println!("  the server was killed {} times on the way", world.kills());
    }
    println!("  ask yourself  mainspring why may-00007     (in {})", world.project.display());
    Ok(())
}
