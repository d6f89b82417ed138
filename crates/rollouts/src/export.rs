//! A deployment as manifests for a Kubernetes cluster: Argo Rollouts
//! (`argoproj.io/v1alpha1`), KServe (`serving.kserve.io/v1beta1`) and Seldon Core 2
//! (`mlops.seldon.io/v1alpha1`).

use crate::spec::{Provider, RolloutSpec, split, without_user};
use mainspring_expressions::yaml::{self, Fault, Node, SourceError};
use mainspring_stats::assignment::fnv1a;
use serde_json::{Map, Value, json};
use std::path::Path;

/// The longest name that Kubernetes takes for these kinds.
const MAX_NAME: usize = 63;

/// What is exported.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The registered model.
    pub model: String,
    /// The version in charge and where its files are.
    pub stable: (u32, String),
    /// The version on trial, where its files are, and its share of the traffic in percent.
    pub canary: Option<(u32, String, u8)>,
    /// How much of the traffic is mirrored to the version on trial, in percent.
    pub mirrored: u8,
    /// Workers per version.
    pub replicas: usize,
    /// The rollout manifest.
    pub manifest: String,
}

/// For which tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A `Rollout` with its templates; pods run this image, which finds the model in `MODEL_URI`.
    ArgoRollouts {
        /// The image.
        image: String,
    },
    /// An `InferenceService`.
    KServe,
    /// A `Model` for each version and an `Experiment` between them.
    Seldon,
}

/// Manifests as YAML documents, with what a person still has to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifests {
    /// The documents.
    pub documents: Vec<Value>,
    /// What cannot be said in the target's terms.
    pub notes: Vec<String>,
}

impl Manifests {
    /// The text of the file.
    ///
    /// # Errors
    /// When a document cannot be written as YAML.
    pub fn to_yaml(&self) -> Result<String, String> {
        let mut text = String::new();
        for note in &self.notes {
            text.push_str(&format!("# {note}\n"));
        }
        for (position, document) in self.documents.iter().enumerate() {
            if position > 0 {
                text.push_str("---\n");
            }
            text.push_str(&serde_saphyr::to_string(document).map_err(|error| error.to_string())?);
        }
        Ok(text)
    }
}

/// Writes a deployment for a tool.
///
/// # Errors
/// When the rollout manifest has a mistake.
pub fn export(deployment: &Exported, target: &Target) -> Result<Manifests, SourceError> {
    let file = Path::new("rollout");
    let spec = RolloutSpec::parse(&deployment.manifest, file)?;
    Ok(match target {
        Target::ArgoRollouts { image } => {
            argo(deployment, &spec, image).map_err(|fault| fault.in_file(file))?
        }
        Target::KServe => kserve(deployment),
        Target::Seldon => seldon(deployment),
    })
}

/// A name that Kubernetes takes: lower case letters, digits and `-`, beginning and ending with a letter
/// or digit. That of a workspace's model, `WORKSPACE:NAME`, ends with a hash: `team-a:m` is not `team-a-m`.
fn name(text: &str) -> String {
    let hash = if text.contains(':') { format!("-{:08x}", fnv1a(text)) } else { String::new() };
    let mapped: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let cut: String = mapped.trim_matches('-').chars().take(MAX_NAME - 8 - hash.len()).collect();
    let cut = cut.trim_end_matches('-');
    format!("{}{hash}", if cut.is_empty() { "model" } else { cut })
}

fn json(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(flag) => json!(flag),
        yaml::Value::Integer(number) => json!(number),
        yaml::Value::Float(number) => json!(number),
        yaml::Value::Text(text) => json!(text),
        yaml::Value::List(items) => items.iter().map(json).collect(),
        yaml::Value::Map(map) => {
            map.entries.iter().map(|(key, _, node)| (key.clone(), json(node))).collect::<Map<_, _>>().into()
        }
    }
}

/// What to do about files that only this server gives away.
fn unreachable_files(files: &str) -> Vec<String> {
    let known = ["s3://", "gs://", "https://", "http://", "abfs://", "wasbs://"];
    if known.iter().any(|scheme| files.starts_with(scheme)) {
        return Vec::new();
    }
    vec![format!(
        "The cluster cannot read `{files}`: copy the files to a bucket and write its address instead."
    )]
}

/// The newest version's files: the one on trial, where there is one.
fn newest(deployment: &Exported) -> (u32, &str) {
    match &deployment.canary {
        Some((version, files, _)) => (*version, files),
        None => (deployment.stable.0, &deployment.stable.1),
    }
}

fn argo(deployment: &Exported, spec: &RolloutSpec, image: &str) -> Result<Manifests, Fault> {
    let app = name(&deployment.model);
    let (version, files) = newest(deployment);
    let labels = json!({ "app": app });
    let template = json!({
        "metadata": { "labels": { "app": app, "version": version.to_string() } },
        "spec": { "containers": [{
            "name": "model", "image": image,
            "env": [{ "name": "MODEL_URI", "value": files }],
            "ports": [{ "name": "http", "containerPort": 8080 }],
            "readinessProbe": { "httpGet": { "path": "/v2/health/ready", "port": "http" } },
        }] },
    });
    let mut documents = Vec::new();
    let mut services = Vec::new();
    let mut notes = unreachable_files(files);
    for text in split(&deployment.manifest) {
        let node = yaml::parse(&text)?;
        let mut document = json(&node);
        match document["kind"].as_str() {
            Some("AnalysisTemplate" | "ClusterAnalysisTemplate") => {
                document["apiVersion"] = json!("argoproj.io/v1alpha1");
                notes.extend(without_secrets(&mut document));
                documents.push(document);
                continue;
            }
            Some("Rollout") | None => {}
            // The cluster has its own of these.
            Some(_) => continue,
        }
        let Some(strategy) = strategy(&document) else { continue };
        for key in ["activeService", "previewService"] {
            services.extend(strategy["blueGreen"][key].as_str().map(str::to_owned));
        }
        for key in ["stableService", "canaryService"] {
            services.extend(strategy["canary"][key].as_str().map(str::to_owned));
        }
        // The rest of the spec stands beside the strategy, wherever that is.
        let around = if document.get("strategy").is_some() { &document } else { &document["spec"] };
        let mut body = around.as_object().cloned().unwrap_or_default();
        body.insert("strategy".to_owned(), strategy);
        body.insert("replicas".to_owned(), json!(deployment.replicas));
        body.insert("selector".to_owned(), json!({ "matchLabels": labels }));
        body.remove("workloadRef");
        body.insert("template".to_owned(), template.clone());
        let mut metadata = document["metadata"].as_object().cloned().unwrap_or_default();
        metadata.insert("name".to_owned(), json!(app));
        documents.insert(
            0,
            json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": metadata, "spec": body,
            }),
        );
    }
    for service in services {
        documents.push(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": service },
            "spec": { "selector": labels, "ports": [{ "name": "http", "port": 80, "targetPort": "http" }] },
        }));
    }
    let analyses = spec.steps.iter().filter_map(|step| step.analysis());
    let background = spec.background.iter().map(|background| &background.analysis);
    for metric in analyses.chain(background).flat_map(|analysis| &analysis.metrics) {
        let note = format!(
            "The metric `{}` is one of Mainspring's own: give it a provider that the cluster has, such as `prometheus`.",
            metric.name
        );
        if matches!(metric.provider, Provider::Mainspring(_)) && !notes.contains(&note) {
            notes.push(note);
        }
    }
    Ok(Manifests { documents, notes })
}

/// Takes out of a template what may be secret: who may read a deployment need not know how Prometheus is
/// asked. Says what a person has to fill in.
fn without_secrets(template: &mut Value) -> Vec<String> {
    let mut notes = Vec::new();
    let metrics = template.pointer_mut("/spec/metrics").and_then(Value::as_array_mut);
    for metric in metrics.into_iter().flatten() {
        let name = metric["name"].as_str().unwrap_or_default().to_owned();
        let Some(prometheus) = metric.pointer_mut("/provider/prometheus") else { continue };
        let mut removed = false;
        for header in prometheus.get_mut("headers").and_then(Value::as_array_mut).into_iter().flatten() {
            header["value"] = json!("");
            removed = true;
        }
        if let Some(address) = prometheus.get_mut("address")
            && let Some(text) = address.as_str()
            && without_user(text) != text
        {
            *address = json!(without_user(text));
            removed = true;
        }
        if removed {
            notes.push(format!(
                "The metric `{name}` asks Prometheus with header values or a password, which are left out: fill them in."
            ));
        }
    }
    notes
}

/// The strategy of a document that may be a whole Rollout or a block of one.
fn strategy(document: &Value) -> Option<Value> {
    let has = |value: &Value, key: &str| value.get(key).is_some();
    if has(&document["spec"], "strategy") {
        return Some(filled(&document["spec"]["strategy"]));
    }
    if has(document, "strategy") {
        return Some(filled(&document["strategy"]));
    }
    if has(document, "canary") || has(document, "blueGreen") {
        return Some(filled(document));
    }
    if has(document, "steps") || has(document, "trafficRouting") {
        return Some(json!({ "canary": document }));
    }
    has(document, "activeService").then(|| json!({ "blueGreen": document }))
}

/// An empty block is written as one: `canary:` alone means nothing to the cluster.
fn filled(strategy: &Value) -> Value {
    let mut strategy = strategy.clone();
    if let Some(block) = strategy.get_mut("canary").filter(|block| block.is_null()) {
        *block = json!({});
    }
    strategy
}

fn kserve(deployment: &Exported) -> Manifests {
    let (_, files) = newest(deployment);
    let mut notes = unreachable_files(files);
    let mut predictor = json!({
        "minReplicas": deployment.replicas,
        "model": { "modelFormat": { "name": "mlflow" }, "protocolVersion": "v2", "storageUri": files },
    });
    if let Some((version, _, weight)) = &deployment.canary {
        predictor["canaryTrafficPercent"] = json!(weight);
        notes.push(format!(
            "The cluster must serve version {} before this is applied: KServe gives version {version} its share beside the revision that it has.",
            deployment.stable.0
        ));
    }
    let service = json!({
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": { "name": name(&deployment.model) }, "spec": { "predictor": predictor },
    });
    Manifests { documents: vec![service], notes }
}

fn seldon(deployment: &Exported) -> Manifests {
    let base = name(&deployment.model);
    let of = |version: u32| format!("{base}-v{version}");
    let model = |version: u32, files: &str| {
        json!({
            "apiVersion": "mlops.seldon.io/v1alpha1", "kind": "Model", "metadata": { "name": of(version) },
            "spec": { "storageUri": files, "requirements": ["mlflow"], "minReplicas": deployment.replicas },
        })
    };
    let (stable, files) = (deployment.stable.0, &deployment.stable.1);
    let mut documents = vec![model(stable, files)];
    let mut candidates = vec![json!({ "name": of(stable), "weight": 100 })];
    let mut mirror = None;
    if let Some((version, files, weight)) = &deployment.canary {
        documents.push(model(*version, files));
        if deployment.mirrored > 0 && *weight == 0 {
            mirror = Some(json!({ "name": of(*version), "percent": deployment.mirrored }));
        } else {
            candidates[0]["weight"] = json!(100 - weight.min(&100));
            candidates.push(json!({ "name": of(*version), "weight": weight }));
        }
    }
    let mut spec = json!({ "default": of(stable), "candidates": candidates });
    if let Some(mirror) = mirror {
        spec["mirror"] = mirror;
    }
    documents.push(json!({
        "apiVersion": "mlops.seldon.io/v1alpha1", "kind": "Experiment", "metadata": { "name": base }, "spec": spec,
    }));
    let canary = deployment.canary.iter().flat_map(|(_, files, _)| unreachable_files(files));
    let notes = unreachable_files(&deployment.stable.1).into_iter().chain(canary).collect();
    Manifests { documents, notes }
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAME, name};
    use mainspring_stats::assignment::fnv1a;

    #[test]
    fn models_of_workspaces_have_names_of_their_own() {
        assert_eq!((name("team-a-flights"), fnv1a("a")), ("team-a-flights".into(), 0xe40c_292c));
        let models = ["team-a:flights", "team-a-flights", "team:a-flights", "team-a:Flights"];
        let names: std::collections::BTreeSet<String> = models.iter().map(|model| name(model)).collect();
        assert_eq!(names.len(), models.len(), "{names:?}");
        let long = name(&format!("team-a:{}", "x".repeat(100)));
        assert!(long.len() <= MAX_NAME - 8 && long.starts_with("team-a-x"), "{long}");
        assert!(name(":").starts_with("model-"));
    }
}
