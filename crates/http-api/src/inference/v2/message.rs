//! Requests and answers of `infer`, whatever carries them.

use super::datatype::Datatype;
use super::failure::Failure;
use super::tensor::{Tensor, together};
use serde_json::{Map, Value, json};

/// Outputs that a request may ask for.
const MAX_OUTPUTS: usize = 1000;
/// Parameters of a request that speak to the server and not to the model.
const FOR_THE_SERVER: [&str; 7] = [
    "binary_data_output",
    "priority",
    "sequence_end",
    "sequence_id",
    "sequence_start",
    "timeout",
    "triton_enable_empty_final_response",
];

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InferRequest {
    pub(crate) id: Option<String>,
    /// Parameters for the model.
    pub(crate) parameters: Map<String, Value>,
    pub(crate) inputs: Vec<Tensor>,
    /// The outputs asked for; all when there is none.
    pub(crate) outputs: Vec<Wanted>,
}

/// An output that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    /// Whether its values come as bytes, where that is a choice.
    pub(crate) binary: bool,
    /// Ask for this many best classes instead of the values.
    pub(crate) classes: Option<usize>,
}

/// How many best classes the parameters of an output ask for.
///
/// # Errors
/// When that is no number.
pub(crate) fn classes(parameters: &Map<String, Value>) -> Result<Option<usize>, String> {
    let Some(count) = parameters.get("classification") else { return Ok(None) };
    let count = count.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    count.map(Some).ok_or_else(|| "the parameter classification must be a whole number above 0".to_owned())
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InferResponse {
    pub(crate) model: String,
    pub(crate) version: u32,
    pub(crate) id: String,
    /// The outputs, and whether the values of each come as bytes.
    pub(crate) outputs: Vec<(Tensor, bool)>,
}

/// Leaves what speaks to the model.
pub(crate) fn for_the_model(mut parameters: Map<String, Value>) -> Map<String, Value> {
    parameters.retain(|name, _| !FOR_THE_SERVER.contains(&name.as_str()));
    parameters
}

/// The outputs that a request asks for, in its order.
///
/// # Errors
/// When there is no such output.
pub(crate) fn select(
    mut tensors: Vec<Tensor>,
    wanted: &[Wanted],
    all_binary: bool,
) -> Result<Vec<(Tensor, bool)>, String> {
    if wanted.is_empty() {
        return Ok(tensors.into_iter().map(|tensor| (tensor, all_binary)).collect());
    }
    let names: Vec<String> = tensors.iter().map(|tensor| tensor.name.clone()).collect();
    let mut chosen = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let place = tensors.iter().position(|tensor| tensor.name == wanted.name);
        let place = place.ok_or_else(|| {
            format!(
                "the model has no output `{}`, or it is asked for twice; its outputs are {}",
                wanted.name,
                names.join(", ")
            )
        })?;
        let tensor = tensors.remove(place);
        let tensor = match wanted.classes {
            Some(most) => best_classes(tensor, most)?,
            None => tensor,
        };
        chosen.push((tensor, wanted.binary));
    }
    Ok(chosen)
}

/// The classification extension: `value:index` for the largest values of each row, largest first.
fn best_classes(tensor: Tensor, most: usize) -> Result<Tensor, String> {
    if !tensor.values.iter().all(Value::is_number) {
        return Err(format!("output `{}` has no numbers to rank", tensor.name));
    }
    let height = tensor.shape.first().copied().unwrap_or(1);
    let width = tensor.values.len() / height.max(1);
    let most = most.clamp(1, width.max(1));
    let mut values = Vec::with_capacity(height * most);
    for row in tensor.values.chunks(width.max(1)) {
        let mut ranked: Vec<(usize, f64)> =
            row.iter().map(|value| value.as_f64().unwrap_or(f64::MIN)).enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        values.extend(
            ranked.iter().take(most).map(|(index, value)| Value::String(format!("{value:.6}:{index}"))),
        );
    }
    Ok(Tensor { name: tensor.name, datatype: Datatype::Bytes, shape: vec![height, most], values })
}

/// A JSON body, or the JSON in front of the bytes of a body. `binary` are these bytes; none for a body
/// that is all JSON.
///
/// # Errors
/// Says what is wrong with the request.
pub(crate) fn read(json: &[u8], binary: Option<&[u8]>) -> Result<(InferRequest, bool), Failure> {
    let body: wire::Request =
        serde_json::from_slice(json).map_err(|error| format!("the request cannot be read: {error}"))?;
    let mut rest = binary;
    let inputs = together(body.inputs.into_iter().map(|input| input.read(&mut rest)))?;
    if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
        return Err(Failure::bad(format!(
            "the body has {} bytes more than its binary tensors need",
            rest.len()
        )));
    }
    let flag = |parameters: &Map<String, Value>, name: &str| match parameters.get(name) {
        None => Ok(None),
        Some(Value::Bool(yes)) => Ok(Some(*yes)),
        Some(other) => Err(format!("the parameter {name} must be true or false, not {other}")),
    };
    let all_binary = flag(&body.parameters, "binary_data_output")?.unwrap_or(false);
    let outputs = body.outputs.unwrap_or_default();
    if outputs.len() > MAX_OUTPUTS {
        return Err(Failure::bad(format!("more than {MAX_OUTPUTS} outputs are asked for")));
    }
    let outputs: Result<Vec<Wanted>, String> = outputs
        .into_iter()
        .map(|output| {
            refuse_shared_memory(&output.name, &output.parameters)?;
            let binary = flag(&output.parameters, "binary_data")?.unwrap_or(all_binary);
            Ok(Wanted { classes: classes(&output.parameters)?, name: output.name, binary })
        })
        .collect();
    let parameters = for_the_model(body.parameters);
    Ok((InferRequest { id: body.id, parameters, inputs, outputs: outputs? }, all_binary))
}

/// Regions of shared memory are not taken: their names would become paths of this machine.
pub(crate) fn refuse_shared_memory(name: &str, parameters: &Map<String, Value>) -> Result<(), String> {
    match parameters.contains_key("shared_memory_region") {
        true => Err(format!("tensor `{name}`: {NO_SHARED_MEMORY}")),
        false => Ok(()),
    }
}

pub(crate) const NO_SHARED_MEMORY: &str =
    "shared memory is not offered; send tensors in the request, as JSON or as bytes";

impl InferResponse {
    /// The JSON part, and the bytes that follow it.
    pub(crate) fn write(&self) -> (Value, Vec<u8>) {
        let mut bytes = Vec::new();
        let outputs: Vec<Value> = self
            .outputs
            .iter()
            .map(|(tensor, binary)| {
                let mut shown = json!({
                    "name": tensor.name, "datatype": tensor.datatype.as_str(), "shape": tensor.shape,
                });
                if *binary {
                    let before = bytes.len();
                    tensor.datatype.write(&tensor.values, &mut bytes);
                    shown["parameters"] = json!({ "binary_data_size": bytes.len() - before });
                } else {
                    shown["data"] = Value::Array(tensor.values.clone());
                }
                shown
            })
            .collect();
        let json = json!({
            "model_name": self.model, "model_version": self.version.to_string(), "id": self.id,
            "outputs": outputs,
        });
        (json, bytes)
    }
}

mod wire {
    use super::super::datatype::Datatype;
    use super::super::flat::Flat;
    use super::super::tensor::Tensor;
    use super::refuse_shared_memory;
    use serde::Deserialize;
    use serde_json::{Map, Value};

    #[derive(Deserialize)]
    pub(super) struct Request {
        #[serde(default)]
        pub(super) id: Option<String>,
        #[serde(default)]
        pub(super) parameters: Map<String, Value>,
        pub(super) inputs: Vec<Input>,
        #[serde(default)]
        pub(super) outputs: Option<Vec<Output>>,
    }

    #[derive(Deserialize)]
    pub(super) struct Input {
        name: String,
        shape: Vec<usize>,
        datatype: String,
        #[serde(default)]
        parameters: Map<String, Value>,
        #[serde(default)]
        data: Option<Flat>,
    }

    #[derive(Deserialize)]
    pub(super) struct Output {
        pub(super) name: String,
        #[serde(default)]
        pub(super) parameters: Map<String, Value>,
    }

    impl Input {
        /// Takes the tensor's bytes from the front of `rest` when it says that it has some there.
        pub(super) fn read(self, rest: &mut Option<&[u8]>) -> Result<Tensor, String> {
            let Self { name, shape, datatype, parameters, data } = self;
            refuse_shared_memory(&name, &parameters)?;
            let about = |problem: &str| format!("tensor `{name}`: {problem}");
            let datatype = Datatype::parse(&datatype).map_err(|problem| about(&problem))?;
            match (parameters.get("binary_data_size"), data) {
                (Some(_), Some(_)) => Err(about("it has both data and binary_data_size")),
                (None, None) => Err(about("it has no data")),
                (None, Some(data)) => Tensor::from_values(name, datatype, shape, data.0),
                (Some(size), None) => {
                    let bytes = (*rest).ok_or_else(|| {
                        about("binary data needs the header Inference-Header-Content-Length")
                    })?;
                    let size = size.as_u64().and_then(|size| usize::try_from(size).ok());
                    let size = size.ok_or_else(|| about("binary_data_size must be a number of bytes"))?;
                    let (own, after) = bytes.split_at_checked(size).ok_or_else(|| {
                        about(&format!("the body has {} bytes left of the {size} that it names", bytes.len()))
                    })?;
                    *rest = Some(after);
                    Tensor::from_bytes(name, datatype, shape, own)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{InferResponse, Wanted, read, select};
    use crate::inference::v2::datatype::Datatype;
    use crate::inference::v2::tensor::Tensor;
    use serde_json::{Value, json};

    fn scores() -> Tensor {
        let values = [0.2, 0.7, 0.1, 0.5, 0.25, 0.25].map(Value::from).to_vec();
        Tensor { name: "p".into(), datatype: Datatype::Fp32, shape: vec![2, 3], values }
    }

    #[test]
    fn bytes_follow_the_json_in_the_order_of_the_inputs() {
        let request = json!({ "inputs": [
            { "name": "a", "shape": [2], "datatype": "INT32", "parameters": { "binary_data_size": 8 } },
            { "name": "b", "shape": [2], "datatype": "FP32", "data": [1, 2] },
            { "name": "c", "shape": [2], "datatype": "BYTES", "parameters": { "binary_data_size": 11 } } ],
            "parameters": { "binary_data_output": true, "depth": 3 },
            "outputs": [{ "name": "y", "parameters": { "binary_data": false } }, { "name": "z" }] });
        let bytes =
            [&1_i32.to_le_bytes()[..], &(-2_i32).to_le_bytes(), &[2, 0, 0, 0], b"hi", &[1, 0, 0, 0], b"!"]
                .concat();
        let json = request.to_string();
        let (read_back, all_binary) = read(json.as_bytes(), Some(&bytes)).unwrap();
        let values: Vec<_> = read_back.inputs.iter().map(|tensor| json!(tensor.values)).collect();
        assert_eq!(values, [json!([1, -2]), json!([1, 2]), json!(["hi", "!"])]);
        assert_eq!((all_binary, json!(read_back.parameters)), (true, json!({ "depth": 3 })));
        assert_eq!(read_back.outputs.iter().map(|wanted| wanted.binary).collect::<Vec<_>>(), [false, true]);
        for (binary, message) in [
            (None, "needs the header Inference-Header-Content-Length"),
            (Some(&bytes[..10]), "the body has 2 bytes left of the 11 that it names"),
            (Some(&[&bytes[..], b"x"].concat()[..]), "1 bytes more than its binary tensors need"),
        ] {
            let refused = read(json.as_bytes(), binary).unwrap_err().message;
            assert!(refused.contains(message), "{refused}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (request, message) in [
            (json!({}), "missing field `inputs`"),
            (
                json!({ "inputs": [{ "name": "a", "shape": [1], "datatype": "INT3", "data": [1] }] }),
                "tensor `a`: unknown datatype `INT3`",
            ),
            (
                json!({ "inputs": [{ "name": "a", "shape": [-1], "datatype": "INT32", "data": [1] }] }),
                "integer `-1`",
            ),
            (
                json!({ "inputs": [{ "name": "a", "shape": [1], "datatype": "INT32" }] }),
                "tensor `a`: it has no data",
            ),
            (
                json!({ "inputs": [{ "name": "a", "shape": [1], "datatype": "INT32", "data": [1],
                "parameters": { "shared_memory_region": "x" } }] }),
                "shared memory is not offered",
            ),
            (
                json!({ "inputs": [], "parameters": { "binary_data_output": 1 } }),
                "must be true or false, not 1",
            ),
            (
                json!({ "inputs": [], "outputs": [{ "name": "y", "parameters": { "classification": 0 } }] }),
                "classification",
            ),
        ] {
            let refused = read(request.to_string().as_bytes(), None).unwrap_err().message;
            assert!(refused.contains(message), "{refused}");
        }
    }

    #[test]
    fn outputs_are_chosen_by_name_and_ranked_on_demand() {
        let wanted = |name: &str, classes| Wanted { name: name.into(), binary: false, classes };
        let ranked = select(vec![scores()], &[wanted("p", Some(2))], false).unwrap();
        assert_eq!(
            json!(ranked[0].0.values),
            json!(["0.700000:1", "0.200000:0", "0.500000:0", "0.250000:1"])
        );
        assert_eq!(ranked[0].0.shape, [2, 2]);
        let unknown = select(vec![scores()], &[wanted("q", None)], false).unwrap_err();
        assert!(
            unknown.starts_with("the model has no output `q`") && unknown.ends_with("outputs are p"),
            "{unknown}"
        );
        assert!(select(vec![scores()], &[wanted("p", None), wanted("p", None)], false).is_err());
    }

    #[test]
    fn answers_carry_values_or_their_size() {
        let outputs = vec![(scores(), true), (scores(), false)];
        let answer = InferResponse { model: "m".into(), version: 2, id: "i".into(), outputs };
        let (json, bytes) = answer.write();
        assert_eq!(json["outputs"][0]["parameters"], json!({ "binary_data_size": 24 }));
        assert_eq!(bytes, [0.2_f32, 0.7, 0.1, 0.5, 0.25, 0.25].map(f32::to_le_bytes).concat());
        assert_eq!((&json["outputs"][1]["data"][1], &json["model_version"]), (&json!(0.7), &json!("2")));
    }
}
