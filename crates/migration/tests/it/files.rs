//! The file store.

use crate::support::{Files, Home, RUN};
use mainspring_domain::registry::Stage;
use mainspring_domain::tracking::{Lifecycle, RunStatus};

fn rich() -> Files {
    let files = Files::new();
    files.run(RUN);
    let run = format!("7/{RUN}");
    files.write("7/tags/team", "a\nb");
    files.write(&format!("{run}/params/nested/depth"), "3\n");
    files.write(&format!("{run}/tags/mlflow.runName"), "1e5");
    files.write(&format!("{run}/metrics/loss"), "10 0.5 1\n11 0.25 2\n11 0.25 2\n12 nan 3\n");
    files.write(&format!("{run}/metrics/a/b"), "10 inf 0\n10 1.5\n");
    files.write("7/datasets/d1/meta.yaml", "digest: 1e10\nname: trips\nsource: '{}'\nsource_type: local\n");
    files.write(
        &format!("{run}/inputs/i1/meta.yaml"),
        "destination_id: d1\ndestination_type: RUN\nsource_id: d1\nsource_type: DATASET\n\
         tags:\n  mlflow.data.context: training\n",
    );
    files.write(
        &format!("{run}/outputs/m-1/meta.yaml"),
        "destination_type: MODEL_OUTPUT\nstep: 4\ntags: {}\n",
    );
    files.write(&format!("{run}/artifacts/model/weights"), [1, 2, 3]);
    let version = |number: u32, stage: &str| {
        let root = files.root();
        format!(
            "creation_timestamp: {number}\ncurrent_stage: {stage}\nname: flights\nrun_id: {RUN}\n\
             source: {0}/{run}/artifacts/model\nstorage_location: {0}/{run}/artifacts/model\nversion: {number}\n",
            root.display()
        )
    };
    files.write("models/flights/meta.yaml", "creation_timestamp: 5\nname: flights\naliases:\n  best: '3'\n");
    files.write("models/flights/aliases/best", "3");
    files.write("models/flights/version-1/meta.yaml", version(1, "Production"));
    files.write("models/flights/version-2/meta.yaml", version(2, "Deleted_Internal"));
    files.write("models/flights/version-3/meta.yaml", version(3, "None"));
    files
}

#[test]
fn everything_of_a_run_comes_along() {
    let (files, home) = (rich(), Home::new());
    let report = home.import(&files.location());
    assert_eq!(report.left_out, []);
    assert_eq!((report.brought.runs, report.brought.points, report.infinities), (1, 6, 1));
    let run = home.read(|tx| tx.run(RUN)).unwrap();
    assert_eq!((run.info.name.as_str(), run.info.user.as_str()), ("1e5", "ada"));
    assert_eq!((run.info.experiment, run.info.status), (7, RunStatus::Finished));
    assert_eq!((run.params[0].key.as_str(), run.params[0].value.as_str()), ("nested/depth", "3\n"));
    assert_eq!(run.inputs[0].digest, "1e10");
    assert_eq!(run.inputs[0].tags[0].value, "training");
    assert_eq!((run.outputs[0].model_id.as_str(), run.outputs[0].step), ("m-1", 4));
    let loss = home.read(|tx| tx.metric_history(RUN, "loss", 10, 0));
    assert_eq!(loss.len(), 3, "a repeated point is one point");
    assert!(loss[2].value.is_nan() && run.metrics.iter().any(|metric| metric.value.is_nan()));
    let other = home.read(|tx| tx.metric_history(RUN, "a/b", 10, 0));
    assert_eq!(other.iter().map(|point| point.value).collect::<Vec<_>>(), [1.5, f64::MAX]);
    let experiment = home.read(|tx| tx.experiment(7)).unwrap();
    assert_eq!(experiment.tags[0].value, "a\nb");
    assert_eq!(experiment.artifact_location, "mlflow-artifacts:/7");
    let audit = home.read(|tx| tx.audit_entries(&format!("run:{RUN}"), 10));
    assert_eq!(audit[0].event.action, "run.imported");
    assert_eq!(audit[0].event.actor.as_str(), "user:tester");
}

#[test]
fn models_come_with_stages_aliases_and_files() {
    let (files, home) = (rich(), Home::new());
    home.import(&files.location());
    let versions = home.read(|tx| tx.model_versions("flights"));
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(versions[0].stage, Stage::Production);
    assert_eq!(versions[0].storage_location, format!("mlflow-artifacts:/7/{RUN}/artifacts/model"));
    assert_eq!(versions[1].aliases, ["best"]);
    assert_eq!(home.artifact(&format!("7/{RUN}/artifacts/model/weights")), [1, 2, 3]);
}

#[test]
fn a_second_import_changes_nothing() {
    let (files, home) = (rich(), Home::new());
    let first = home.import(&files.location());
    let entries = home.read(|tx| tx.audit_entries("", 1))[0].event.seq;
    let second = home.import(&files.location());
    assert_eq!(second.brought, Default::default());
    assert_eq!(second.already_there.runs, first.brought.runs);
    assert_eq!(second.already_there.model_versions, 2);
    assert_eq!(home.read(|tx| tx.audit_entries("", 1))[0].event.seq, entries);
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let (files, home) = (rich(), Home::new());
    let dry = home.dry(&files.location());
    assert!(std::fs::read_dir(home.path()).unwrap().next().is_none());
    let wet = home.import(&files.location());
    assert_eq!(dry.brought, wet.brought);
    assert!(dry.dry_run && !wet.dry_run);
    let after = home.dry(&files.location());
    assert_eq!((after.brought.runs, after.already_there.runs), (0, 1));
}

#[test]
fn what_is_deleted_stays_deleted() {
    let (files, home) = (Files::new(), Home::new());
    files.run(RUN);
    let path = files.root().join("7").join(RUN).join("meta.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("lifecycle_stage: active", "lifecycle_stage: deleted")).unwrap();
    files.write(".trash/9/meta.yaml", "experiment_id: '9'\nlifecycle_stage: deleted\nname: old\n");
    home.import(&files.location());
    assert_eq!(home.read(|tx| tx.run_info(RUN)).unwrap().lifecycle, Lifecycle::Deleted);
    assert_eq!(home.read(|tx| tx.experiment(9)).unwrap().lifecycle, Lifecycle::Deleted);
}

#[test]
fn an_id_that_is_taken_is_mapped_and_reported() {
    let (other, files, home) = (Files::new(), rich(), Home::new());
    other.experiment(7, "another one");
    home.import(&other.location());
    let report = home.import(&files.location());
    assert_eq!(report.mapped[0].what, "experiment 7 (churn)");
    assert_eq!(report.mapped[0].to, "experiment 8");
    assert_eq!(home.read(|tx| tx.run_info(RUN)).unwrap().experiment, 8);
    assert_eq!(home.artifact(&format!("8/{RUN}/artifacts/model/weights")), [1, 2, 3]);
}

#[test]
fn damage_is_named_by_its_place_and_the_rest_is_brought() {
    let (files, home) = (rich(), Home::new());
    let run = format!("7/{RUN}");
    files.write("8/meta.yaml", "experiment_id: '8'\nname: [broken\n");
    files.write("9/nothing", "");
    files.write("10/meta.yaml", "experiment_id: '11'\nname: elsewhere\n");
    files.write("7/11111111111111111111111111111111/meta.yaml", "run_id: 1111\n");
    files.write("7/22222222222222222222222222222222/metrics/loss", "1 2 3\n");
    files.write("7/3/meta.yaml", "run_id: '3'\nstatus: 99\n");
    files.write(&format!("{run}/metrics/torn"), "10 0.5 1\n11 0.\n12 x 3\n13");
    files.write(&format!("{run}/metrics/bytes"), [0xff, 0xfe, b'\n']);
    files.write(&format!("{run}/tags/bytes"), [0xff]);
    files.write(&format!("{run}/inputs/i2/meta.yaml"), "source_id: gone\nsource_type: DATASET\n");
    files.write(&format!("{run}/inputs/i3/meta.yaml"), "source_id: ../../x\nsource_type: DATASET\n");
    files.write("models/broken/meta.yaml", "- not a model\n");
    files.write("models/flights/version-4/meta.yaml", "version: 4\ncurrent_stage: Elsewhere\n");
    files.write("models/flights/aliases/lost", "99");
    let report = home.import(&files.location());
    let places: Vec<&str> = report.left_out.iter().map(|one| one.place.as_str()).collect();
    for place in [
        "/8/meta.yaml",
        "/9/meta.yaml",
        "/10/meta.yaml",
        "/7/11111111111111111111111111111111/meta.yaml",
        "/7/22222222222222222222222222222222/meta.yaml",
        "/7/3/meta.yaml",
        "/metrics/torn:3",
        "/metrics/torn:4",
        "/metrics/bytes:1",
        "/tags/bytes",
        "/inputs/i2/meta.yaml",
        "/inputs/i3/meta.yaml",
        "/models/broken/meta.yaml",
        "/version-4/meta.yaml",
        "model flights alias lost",
    ] {
        assert!(places.iter().any(|found| found.ends_with(place)), "{place} of {places:?}");
    }
    assert_eq!(report.left_out.len(), 15, "{places:?}");
    assert_eq!(home.read(|tx| tx.metric_history(RUN, "torn", 10, 0)).len(), 2);
    assert_eq!(home.read(|tx| tx.metric_history(RUN, "loss", 10, 0)).len(), 3);
    assert_eq!(home.read(|tx| tx.model_versions("flights")).len(), 2);
}

#[test]
fn traces_of_both_versions_come_along_with_their_files() {
    let (files, home) = (Files::new(), Home::new());
    let location = |id: &str| format!("{}/7/traces/{id}/artifacts", files.root().display());
    files.write(
        "7/traces/tr-1/trace_info.yaml",
        "execution_duration_ms: 43\nrequest_time: '2026-01-01T00:00:00.5Z'\nstate: OK\ntrace_id: tr-1\n",
    );
    files.write("7/traces/tr-1/tags/mlflow.artifactLocation", location("tr-1"));
    files.write("7/traces/tr-1/artifacts/traces.json", "{\"spans\": []}");
    files.write(
        "7/traces/tr-1/assessments/a-1.yaml",
        "assessment_id: a-1\nassessment_name: right\ncreate_time: '2026-01-01T00:00:00Z'\nexpectation:\n  \
         serialized_value:\n    value: '{\"a\": 1}'\nsource:\n  source_type: HUMAN\n",
    );
    files.write("7/traces/tr-1/assessments/a-2.yaml", "assessment_id: a-2\nassessment_name: empty\n");
    files.write(
        "7/traces/old/trace_info.yaml",
        "execution_time_ms: null\nexperiment_id: '7'\nrequest_id: old\nstatus: IN_PROGRESS\ntimestamp_ms: 9\n",
    );
    files.write("7/traces/wrong/trace_info.yaml", "trace_id: other\n");
    files.write("7/traces/torn/trace_info.yaml", "trace_id: [\n");
    let report = home.import(&files.location());
    assert_eq!((report.brought.traces, report.brought.assessments, report.brought.files), (2, 1, 1));
    assert_eq!(report.left_out.len(), 3, "{:?}", report.left_out);
    let trace = home.read(|tx| tx.trace("tr-1")).unwrap();
    assert_eq!(trace.tag("mlflow.artifactLocation"), Some("mlflow-artifacts:/7/traces/tr-1/artifacts"));
    assert_eq!((trace.duration, trace.started.as_millis()), (Some(43), 1_767_225_600_500));
    let old = home.read(|tx| tx.trace("old")).unwrap();
    assert_eq!((old.state.as_str(), old.started.as_millis(), old.duration), ("IN_PROGRESS", 9, None));
}
