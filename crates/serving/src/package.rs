//! What a folder says of the model in it, where no Python is needed to run it.

use crate::StartError;
use crate::signature::ColumnSpec;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// The description that MLflow writes beside a model.
const DESCRIPTION: &str = "MLmodel";
/// Bytes of it that are read.
const LIMIT: u64 = 16 << 20;

/// The model's file, and what its MLflow signature says of its inputs.
#[derive(Debug, PartialEq)]
pub(crate) struct Package {
    pub(crate) format: Format,
    pub(crate) file: PathBuf,
    pub(crate) inputs: Option<Vec<ColumnSpec>>,
    /// Whether its signature names parameters of a prediction.
    pub(crate) params: bool,
}

/// How a model is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Onnx,
    Booster(Library),
}

/// What wrote a booster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// Its boosters are a text.
    LightGbm,
    /// Its boosters are JSON or UBJSON.
    XgBoost,
}

/// The class of LightGBM's boosters in MLflow's flavor; models of its other classes are pickled.
const LIGHTGBM_BOOSTER: &str = "lightgbm.basic.Booster";
/// The class of XGBoost's boosters there, also where none is named. Its other classes predict in their own way.
const XGBOOST_BOOSTER: &str = "xgboost.core.Booster";

#[derive(Deserialize)]
struct MlModel {
    #[serde(default)]
    flavors: BTreeMap<String, Value>,
    #[serde(default)]
    signature: Option<Signature>,
}

/// Lists as JSON texts.
#[derive(Deserialize)]
struct Signature {
    #[serde(default)]
    inputs: Option<String>,
    #[serde(default)]
    params: Option<String>,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Value,
    #[serde(default = "yes")]
    required: bool,
    #[serde(default, rename = "tensor-spec")]
    tensor: Option<TensorSpec>,
}

#[derive(Deserialize)]
struct TensorSpec {
    dtype: String,
    shape: Vec<i64>,
}

const fn yes() -> bool {
    true
}

impl Package {
    /// The model of a folder: that of MLflow's flavors `onnx`, `lightgbm` and `xgboost`, or the only `.onnx` file
    /// where MLflow has described nothing. None when it is another kind of model.
    ///
    /// # Errors
    /// When the description cannot be read or names a file outside of the folder.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>, StartError> {
        let unreadable = |problem: String| StartError::Load(format!("{DESCRIPTION}: {problem}"));
        let description = folder.join(DESCRIPTION);
        if !description.exists() {
            return Ok(bare(folder).map(|file| Self {
                format: Format::Onnx,
                file,
                inputs: None,
                params: false,
            }));
        }
        let size = description.metadata().map_err(|error| unreadable(error.to_string()))?.len();
        if size > LIMIT {
            return Err(unreadable(format!("it has {size} bytes, more than {LIMIT}")));
        }
        let text = std::fs::read_to_string(&description).map_err(|error| unreadable(error.to_string()))?;
        let model: MlModel = serde_saphyr::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let onnx = model.flavors.get("onnx").map(|flavor| (Format::Onnx, flavor, "model.onnx"));
        let lightgbm =
            model.flavors.get("lightgbm").filter(|flavor| flavor["model_class"] == LIGHTGBM_BOOSTER);
        let lightgbm = lightgbm.map(|flavor| (Format::Booster(Library::LightGbm), flavor, "model.lgb"));
        let booster =
            |flavor: &&Value| flavor["model_class"].as_str().unwrap_or(XGBOOST_BOOSTER) == XGBOOST_BOOSTER;
        let xgboost = model.flavors.get("xgboost").filter(booster);
        let xgboost = xgboost.map(|flavor| (Format::Booster(Library::XgBoost), flavor, "model.xgb"));
        let Some((format, flavor, usual)) = onnx.or(lightgbm).or(xgboost) else { return Ok(None) };
        let data = flavor["data"].as_str().unwrap_or(usual);
        let plain = Path::new(data).components().all(|part| matches!(part, Component::Normal(_)));
        let file = folder.join(data);
        if !plain || !file.symlink_metadata().is_ok_and(|file| file.is_file()) {
            return Err(unreadable(format!("its flavor names `{data}`, which is no file of the model")));
        }
        let (inputs, params) =
            model.signature.map_or((None, None), |signature| (signature.inputs, signature.params));
        let inputs = inputs.map(|text| columns(&text)).transpose();
        let inputs = inputs.map_err(|problem| unreadable(format!("signature: {problem}")))?;
        let params = params.is_some_and(|text| text.trim() != "[]");
        Ok(Some(Self { format, file, inputs, params }))
    }
}

fn bare(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let mut found = files.filter(|path| path.extension().is_some_and(|end| end == "onnx") && path.is_file());
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

fn columns(text: &str) -> Result<Vec<ColumnSpec>, String> {
    let inputs: Vec<Input> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let single = inputs.len() == 1;
    let spec = |(number, input): (usize, Input)| {
        let made = if single { "input".to_owned() } else { format!("input-{number}") };
        let (dtype, shape) = input.tensor.map(|tensor| (tensor.dtype, tensor.shape)).unzip();
        let kind = input.kind.as_str().unwrap_or("any").to_owned();
        ColumnSpec { name: input.name.unwrap_or(made), kind, required: input.required, dtype, shape }
    };
    Ok(inputs.into_iter().enumerate().map(spec).collect())
}

#[cfg(test)]
mod tests {
    use super::{Format, Library, Package};

    fn described(description: &str) -> Result<Option<Package>, crate::StartError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("MLmodel"), description).unwrap();
        std::fs::write(folder.path().join("model.onnx"), "").unwrap();
        Package::find(folder.path())
    }

    #[test]
    fn the_flavor_names_the_file_and_the_signature_the_inputs() {
        let found = described(
            "flavors:\n  onnx:\n    data: model.onnx\n  python_function: {}\nsignature:\n  inputs: '[{\"type\": \"double\", \"name\": \"x\", \"required\": false}, {\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1, 3]}}]'\n  outputs: null\n",
        );
        let found = found.unwrap().unwrap();
        assert!(found.file.ends_with("model.onnx"));
        assert!(!found.params);
        let inputs = found.inputs.unwrap();
        assert_eq!(
            (inputs[0].name.as_str(), inputs[0].kind.as_str(), inputs[0].required),
            ("x", "double", false)
        );
        assert_eq!((inputs[1].name.as_str(), inputs[1].shape.as_deref()), ("input-1", Some(&[-1, 3][..])));
    }

    #[test]
    fn other_models_and_other_files_are_told_apart() {
        assert_eq!(described("flavors:\n  sklearn: {}\n").unwrap(), None);
        let booster = "flavors:\n  lightgbm: {data: model.onnx, model_class: lightgbm.basic.Booster}\n";
        assert_eq!(described(booster).unwrap().unwrap().format, Format::Booster(Library::LightGbm));
        let other = "flavors:\n  xgboost: {data: model.onnx, model_class: xgboost.core.Booster}\n";
        assert_eq!(described(other).unwrap().unwrap().format, Format::Booster(Library::XgBoost));
        assert_eq!(described(&other.replace("core.Booster", "sklearn.XGBClassifier")).unwrap(), None);
        let asked =
            format!("{other}signature:\n  inputs: null\n  params: '[{{\"name\": \"output_margin\"}}]'\n");
        assert!(described(&asked).unwrap().unwrap().params);
        let pickled = booster.replace("basic.Booster", "sklearn.LGBMClassifier");
        assert_eq!(described(&pickled).unwrap(), None);
        for outside in ["../model.onnx", "/etc/passwd", "nothing.onnx"] {
            let refused = described(&format!("flavors:\n  onnx:\n    data: {outside}\n")).unwrap_err();
            assert!(refused.to_string().contains("no file of the model"), "{refused}");
        }
        assert!(described("flavors: [").is_err());
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Package::find(folder.path()).unwrap(), None);
        std::fs::write(folder.path().join("a.onnx"), "").unwrap();
        assert!(Package::find(folder.path()).unwrap().is_some());
        std::fs::write(folder.path().join("b.onnx"), "").unwrap();
        assert_eq!(Package::find(folder.path()).unwrap(), None);
    }
}
