//! Manifests for a cluster, against the schemas of the projects that read them.

use mainspring_rollouts::{Exported, Manifests, Target, export};
use serde_json::{Value, json};

/// The schemas of `Rollout`, `AnalysisTemplate` (argoproj/argo-rollouts) and `InferenceService`
/// (kserve/kserve), both Apache-2.0, cut to what is checked here; those of Seldon Core 2 by their fields.
fn schema(kind: &str) -> Value {
    let known: Value = serde_json::from_str(include_str!("crds.json")).unwrap();
    let text = json!({ "type": "string" });
    let named = |more: Value| json!({ "type": "object", "properties": { "apiVersion": text, "kind": text, "metadata": { "x-any": true }, "spec": more }, "required": ["spec"] });
    let share = |number: &str| json!({ "type": "object", "properties": { "name": text, number: { "type": "integer" } }, "required": ["name", number] });
    match kind {
        "Model" => named(json!({ "type": "object", "required": ["storageUri"], "properties": {
            "storageUri": text, "requirements": { "type": "array", "items": text }, "minReplicas": { "type": "integer" } } })),
        "Experiment" => named(json!({ "type": "object", "required": ["candidates"], "properties": {
            "default": text, "candidates": { "type": "array", "items": share("weight") }, "mirror": share("percent") } })),
        "Service" => json!({ "x-any": true }),
        "ClusterAnalysisTemplate" => known["AnalysisTemplate"].clone(),
        kind => known[kind].clone(),
    }
}

/// What of a value does not fit a schema of OpenAPI as Kubernetes has it; unknown fields are refused.
fn misfits(value: &Value, schema: &Value, path: &str) -> Vec<String> {
    if schema["x-any"] == true {
        return Vec::new();
    }
    if schema["x-kubernetes-int-or-string"] == true {
        let fits = value.is_i64() || value.is_u64() || value.is_string();
        return if fits {
            Vec::new()
        } else {
            vec![format!("{path}: {value} is neither a whole number nor text")]
        };
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => true,
    };
    if !fits {
        return vec![format!("{path}: {value} is no {}", schema["type"])];
    }
    let mut wrong = Vec::new();
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        wrong.push(format!("{path}: {value} is not one of {}", schema["enum"]));
    }
    if let (Some(number), Some(least)) = (value.as_f64(), schema["minimum"].as_f64())
        && number < least
    {
        wrong.push(format!("{path}: {number} is below {least}"));
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(required).is_none() {
            wrong.push(format!("{path}: no `{required}`"));
        }
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        let place = format!("{path}.{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(known), _) => wrong.extend(misfits(field, known, &place)),
            (None, Some(any)) if any.is_object() => wrong.extend(misfits(field, any, &place)),
            (None, _) if schema["x-kubernetes-preserve-unknown-fields"] == true => {}
            (None, _) => wrong.push(format!("{place}: there is no such field")),
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        wrong.extend(misfits(item, &schema["items"], &format!("{path}[{index}]")));
    }
    wrong
}

fn fits(manifests: &Manifests) {
    let label = regex::Regex::new("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$").unwrap();
    for document in &manifests.documents {
        let kind = document["kind"].as_str().unwrap();
        assert_eq!(misfits(document, &schema(kind), kind), Vec::<String>::new(), "{document:#}");
        let name = document["metadata"]["name"].as_str().unwrap();
        assert!(label.is_match(name), "{name}");
    }
}

fn deployment(manifest: &str) -> Exported {
    Exported {
        model: "Flight Delays".into(),
        stable: (1, "s3://models/flights/1".into()),
        canary: Some((2, "s3://models/flights/2".into(), 20)),
        mirrored: 0,
        replicas: 2,
        manifest: manifest.to_owned(),
    }
}

fn argo() -> Target {
    Target::ArgoRollouts { image: "registry.example/model:1".into() }
}

const MANIFESTS: [&str; 5] = [
    include_str!("whole_canary.yaml"),
    include_str!("whole_blue_green.yaml"),
    "canary:\n",
    "steps: [{setWeight: 10}, {pause: {}}]\n",
    "paused: true\nstrategy: {blueGreen: {activeService: a, autoPromotionEnabled: false}}\n",
];

#[test]
fn what_is_written_fits_the_schemas_of_the_projects() {
    for manifest in MANIFESTS {
        for target in [argo(), Target::KServe, Target::Seldon] {
            fits(&export(&deployment(manifest), &target).unwrap());
        }
    }
    let example =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flights/rollout.yaml");
    fits(&export(&deployment(&std::fs::read_to_string(example).unwrap()), &argo()).unwrap());
}

#[test]
fn the_check_finds_what_does_not_fit() {
    let found = export(&deployment(MANIFESTS[0]), &argo()).unwrap();
    let mut rollout = found.documents[0].clone();
    rollout["spec"]["strategy"]["canary"]["steps"][0] = json!({ "setWieght": 10 });
    rollout["spec"]["paused"] = json!("no");
    let wrong = misfits(&rollout, &schema("Rollout"), "Rollout");
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].contains("steps[0].setWieght: there is no such field"), "{wrong:?}");
}

#[test]
fn what_is_written_for_argo_is_read_back_as_the_same_rollout() {
    for manifest in MANIFESTS {
        let found = export(&deployment(manifest), &argo()).unwrap();
        let text = found.to_yaml().unwrap();
        let read = |text: &str| mainspring_rollouts::RolloutSpec::parse(text, std::path::Path::new("r"));
        // What may be secret is not written.
        let manifest = manifest.replace("value: team", "value: ''");
        let (before, after) =
            (read(&manifest).unwrap(), read(&text).unwrap_or_else(|error| panic!("{error}\n{text}")));
        assert_eq!(
            (before.steps, before.background, before.paused),
            (after.steps, after.background, after.paused),
            "{text}"
        );
    }
}

#[test]
fn the_whole_of_a_small_deployment_reads_like_this() {
    let blue_green = MANIFESTS[4];
    let argo = export(&deployment(blue_green), &argo()).unwrap().to_yaml().unwrap();
    let kserve = export(&deployment(blue_green), &Target::KServe).unwrap().to_yaml().unwrap();
    let mut mirrored = deployment(blue_green);
    mirrored.canary = Some((2, "mlflow-artifacts:/2".into(), 0));
    mirrored.mirrored = 30;
    let seldon = export(&mirrored, &Target::Seldon).unwrap().to_yaml().unwrap();
    insta::assert_snapshot!([argo, kserve, seldon].join("\n=====\n"));
}

#[test]
fn metrics_that_the_cluster_does_not_have_are_named() {
    let found = export(&deployment(MANIFESTS[1]), &argo()).unwrap();
    assert_eq!(found.notes.len(), 1);
    assert!(found.notes[0].contains("The metric `e` is one of Mainspring's own"), "{:?}", found.notes);
}

#[test]
fn what_may_be_secret_is_left_out_with_a_note() {
    let manifest = "steps: [{analysis: {templates: [{templateName: p}]}}]\n---\nkind: AnalysisTemplate\nmetadata: {name: p}\n\
                    spec: {metrics: [{name: m, successCondition: 'result < 1', provider: {prometheus: {address: 'https://ada:pass@p.example/x', \
                    query: up, headers: [{key: Authorization, value: Bearer token}]}}}]}\n";
    let found = export(&deployment(manifest), &argo()).unwrap();
    fits(&found);
    let text = found.to_yaml().unwrap();
    assert!(
        !text.contains("Bearer") && !text.contains("pass@") && text.contains("https://p.example/x"),
        "{text}"
    );
    assert!(text.contains("# The metric `m` asks Prometheus with header values or a password"), "{text}");
}

#[test]
fn documents_are_taken_apart_as_they_are_read() {
    let manifest = "--- # the rollout\nkind: Rollout\nspec: {strategy: {canary: {}}}\n--- {kind: Deployment, spec: {strategy: {canary: {}}}}\n";
    let found = export(&deployment(manifest), &argo()).unwrap();
    let kinds: Vec<_> = found.documents.iter().map(|document| document["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Rollout"], "a Deployment is none");
    assert_eq!(found.documents.len(), 1);
    let error = export(&deployment("steps: [\n"), &argo()).unwrap_err();
    assert!(error.message.contains("not valid YAML"), "{error}");
}
