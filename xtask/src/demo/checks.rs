//! What the steps of the story assert.

use super::traffic::Answered;
use super::world::World;
use anyhow::{Context as _, Result, bail, ensure};
use md5::{Digest as _, Md5};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// MD5 of a file in hexadecimal.
pub(crate) fn md5(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let mut text = String::new();
    for byte in Md5::digest(&bytes) {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// A task's state in a run.
pub(crate) fn state<'a>(run: &'a Value, task: &str) -> &'a str {
    let found = run["tasks"].as_array().into_iter().flatten().find(|found| found["task_id"] == task);
    found.and_then(|found| found["state"].as_str()).unwrap_or("unknown")
}

/// That every task of a run is in the state it must be in.
pub(crate) fn states(run: &Value, expected: &[(&str, &str)]) -> Result<()> {
    for (task, wanted) in expected {
        let found = state(run, task);
        if found != *wanted {
            let reason = run["tasks"].as_array().into_iter().flatten().find(|t| t["task_id"] == *task);
            let reason = reason.and_then(|task| task["reason"].as_str()).unwrap_or("no reason given");
            bail!("task `{task}` of {} is {found}, not {wanted}: {reason}", run["run_id"]);
        }
    }
    Ok(())
}

/// That no task of a run succeeded twice, whatever was killed meanwhile.
pub(crate) fn each_task_ran_once(run: &Value) -> Result<()> {
    for task in run["tasks"].as_array().into_iter().flatten() {
        let successes = run["attempts"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|attempt| attempt["task_id"] == task["task_id"])
            .filter(|attempt| attempt["result"]["outcome"]["state"] == "success")
            .count();
        ensure!(successes <= 1, "task {} of {} succeeded {successes} times", task["task_id"], run["run_id"]);
    }
    Ok(())
}

/// That a data file is under version control as DVC has it: the `.dvc` file and the cache object
/// hold its MD5, Git holds the `.dvc` file, and the server knows the version.
pub(crate) fn versioned(world: &World, name: &str) -> Result<String> {
    let file = world.project.join("data").join(name);
    let md5 = md5(&file)?;
    let pointer = std::fs::read_to_string(file.with_file_name(format!("{name}.dvc")))
        .with_context(|| format!("data/{name} is not under version control"))?;
    let size = file.metadata()?.len();
    let expected = format!("outs:\n- md5: {md5}\n  size: {size}\n  hash: md5\n  path: {name}\n");
    ensure!(pointer == expected, "data/{name}.dvc is not as DVC writes it:\n{pointer}");
    let object = world.project.join(".dvc/cache/files/md5").join(&md5[..2]).join(&md5[2..]);
    ensure!(self::md5(&object)? == md5, "the cache object of {name} does not hold its content");
    let listed = Command::new("git")
        .args(["ls-files", "--error-unmatch", &format!("data/{name}.dvc")])
        .current_dir(&world.project)
        .output()?;
    ensure!(listed.status.success(), "data/{name}.dvc is not committed");
    let versions = world.get("/api/v1/data/versions")?;
    let known =
        versions["versions"].as_array().into_iter().flatten().any(|version| version["md5"] == md5.as_str());
    ensure!(known, "the server does not know the version {md5} of {name}");
    Ok(md5)
}

/// That the real `dvc` agrees: nothing to report, and a pull from the remote brings every file back.
pub(crate) fn dvc_agrees(world: &World, names: &[&str]) -> Result<()> {
    let Some(dvc) = &world.dvc else { return Ok(()) };
    let dvc = |arguments: &[&str]| -> Result<String> {
        let output = Command::new(dvc).args(arguments).current_dir(&world.project).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "dvc {arguments:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    };
    let status = dvc(&["status"])?;
    ensure!(status.contains("up to date"), "dvc status says: {status}");
    let cache = world.project.join(".dvc/cache");
    let aside = world.project.join(".dvc/cache.aside");
    std::fs::rename(&cache, &aside)?;
    for name in names {
        std::fs::rename(world.project.join("data").join(name), world.dir.join(format!("aside-{name}")))?;
    }
    dvc(&["pull"])?;
    for name in names {
        let before = world.dir.join(format!("aside-{name}"));
        let same = md5(&world.project.join("data").join(name))? == md5(&before)?;
        ensure!(same, "dvc pull brought another {name}");
        std::fs::remove_file(before)?;
    }
    std::fs::remove_dir_all(aside)?;
    Ok(())
}

/// The version in charge of the flights model.
pub(crate) fn champion(world: &World) -> Result<Option<u64>> {
    let snapshot = world.get("/api/v1/loop")?;
    Ok(snapshot["models"][0]["champion"]["version"].as_u64())
}

/// The newest rollout of a version, once it has ended.
pub(crate) fn ended_rollout(world: &World, version: u64) -> Result<Value> {
    world.until("the rollout", |world| {
        let rollouts = world.get("/api/v1/rollouts?model=flights")?;
        let found = rollouts["rollouts"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|rollout| rollout["version"] == version);
        Ok(found.filter(|rollout| !rollout["ended"].is_null()).cloned())
    })
}

/// When something happened in a rollout, by what its history says of it.
pub(crate) fn when(rollout: &Value, what: &str) -> Option<i64> {
    let history = rollout["state"]["history"].as_array()?;
    history.iter().find(|entry| entry["what"].as_str().is_some_and(|said| said.contains(what)))?["time"]
        .as_i64()
}

/// That the traffic between two moments was split by the weight, within five standard deviations of
/// the binomial. Gives the share. While a killed server's canary is loading again the stable version
/// answers alone, so with kills the weight is only the most that the canary may have had.
pub(crate) fn split(
    world: &World,
    answers: &[Answered],
    version: u64,
    (from, to): (i64, i64),
    weight: f64,
) -> Result<f64> {
    // Requests under way at a change of weight are neither here nor there.
    let margin = 300;
    let between: Vec<&Answered> =
        answers.iter().filter(|answer| answer.time > from + margin && answer.time < to - margin).collect();
    let total = between.len() as f64;
    ensure!(total >= 100.0, "only {total} requests came while the canary had {weight}");
    // A failed request names no version; the model in charge does not fail.
    let canary = between
        .iter()
        .filter(|answer| answer.version.map_or(answer.status >= 500, |found| u64::from(found) == version))
        .count() as f64;
    let share = canary / total;
    let deviation = (weight * (1.0 - weight) / total).sqrt();
    let too_few = world.kills() == 0 && share < weight - 5.0 * deviation;
    let right = share <= weight + 5.0 * deviation && !too_few && canary > 0.0;
    ensure!(right, "the canary got {share:.3} of {total} requests, not {weight}");
    Ok(share)
}

/// The number of training runs that the tracking server knows.
pub(crate) fn training_runs(world: &World) -> Result<usize> {
    let (status, experiments) =
        world.post("/api/2.0/mlflow/experiments/search", &serde_json::json!({ "max_results": 100 }))?;
    ensure!(status == 200, "searching experiments answered {status}: {experiments}");
    let ids: Vec<&Value> = experiments["experiments"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|found| &found["experiment_id"])
        .collect();
    let (status, runs) = world.post(
        "/api/2.0/mlflow/runs/search",
        &serde_json::json!({ "experiment_ids": ids, "max_results": 1000 }),
    )?;
    ensure!(status == 200, "searching runs answered {status}: {runs}");
    Ok(runs["runs"].as_array().map_or(0, Vec::len))
}

/// The area under the ROC curve, by the rank sum with tied scores shared: the probability that a
/// positive has the higher score. `None` when a class or a score is missing.
pub(crate) fn auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    if scores.len() != labels.len() {
        return None;
    }
    let mut pairs: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = labels.iter().filter(|label| **label).count() as f64;
    let negatives = labels.len() as f64 - positives;
    let (mut rank_sum, mut passed) = (0.0, 0.0);
    for tied in pairs.chunk_by(|a, b| a.0 == b.0) {
        let size = tied.len() as f64;
        let rank = passed + (size + 1.0) / 2.0;
        rank_sum += rank * tied.iter().filter(|pair| pair.1).count() as f64;
        passed += size;
    }
    let pairs_won = rank_sum - positives * (positives + 1.0) / 2.0;
    (positives > 0.0 && negatives > 0.0).then(|| pairs_won / (positives * negatives))
}
