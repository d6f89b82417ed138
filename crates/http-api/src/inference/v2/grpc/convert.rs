//! Between the messages of gRPC and what all carriers share.

use super::messages::{self as wire, Choice, Contents, Parameter};
use crate::inference::v2::datatype::{Datatype, real, utf8};
use crate::inference::v2::failure::Failure;
use crate::inference::v2::message::{
    InferRequest, InferResponse, Wanted, classes, for_the_model, refuse_shared_memory,
};
use crate::inference::v2::tensor::{Tensor, together, volume};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A request, and whether its tensors came as bytes; the answer's go the same way.
///
/// # Errors
/// Says what is wrong with the request.
pub(super) fn request(request: wire::InferRequest) -> Result<(InferRequest, bool), Failure> {
    let raw = request.raw_input_contents;
    let as_bytes = !raw.is_empty();
    if as_bytes && raw.len() != request.inputs.len() {
        let (inputs, raw) = (request.inputs.len(), raw.len());
        return Err(Failure::bad(format!("there are {inputs} inputs and {raw} raw_input_contents")));
    }
    let mut raw = raw.into_iter();
    let inputs = together(request.inputs.into_iter().map(|input| tensor(input, raw.next())))?;
    let outputs: Result<Vec<Wanted>, String> = request.outputs.into_iter().map(wanted).collect();
    let request = InferRequest {
        id: Some(request.id).filter(|id| !id.is_empty()),
        parameters: for_the_model(parameters(request.parameters)?),
        inputs,
        outputs: outputs?,
    };
    Ok((request, as_bytes))
}

fn parameters(given: HashMap<String, Parameter>) -> Result<Map<String, Value>, String> {
    let value = |(name, parameter): (String, Parameter)| {
        let value = match parameter.choice {
            None => Value::Null,
            Some(Choice::Bool(yes)) => yes.into(),
            Some(Choice::Int64(number)) => number.into(),
            Some(Choice::Uint64(number)) => number.into(),
            Some(Choice::Text(text)) => text.into(),
            Some(Choice::Double(number)) => {
                real(number).map_err(|problem| format!("the parameter {name} {problem}"))?
            }
        };
        Ok((name, value))
    };
    given.into_iter().map(value).collect()
}

fn tensor(input: wire::Tensor, raw: Option<Vec<u8>>) -> Result<Tensor, String> {
    let wire::Tensor { name, datatype, shape, parameters: given, contents } = input;
    let about = |problem: String| format!("tensor `{name}`: {problem}");
    refuse_shared_memory(&name, &parameters(given)?)?;
    let datatype = Datatype::parse(&datatype).map_err(about)?;
    let shape: Option<Vec<usize>> = shape.iter().map(|side| usize::try_from(*side).ok()).collect();
    let shape = shape.ok_or_else(|| about("its shape has a negative side".to_owned()))?;
    let size = volume(&shape).map_err(about)?;
    if let Some(raw) = raw {
        if contents.is_some_and(|contents| contents != Contents::default()) {
            return Err(about("it has both contents and raw_input_contents".to_owned()));
        }
        return Tensor::from_bytes(name, datatype, shape, &raw);
    }
    let values = typed(datatype, contents.unwrap_or_default()).map_err(about)?;
    if values.len() != size {
        let found = values.len();
        return Err(about(format!("its contents have {found} values, its shape {shape:?} needs {size}")));
    }
    Ok(Tensor { name, datatype, shape, values })
}

fn typed(datatype: Datatype, contents: Contents) -> Result<Vec<Value>, String> {
    let values: Vec<Value> = match datatype {
        Datatype::Bool => contents.bools.into_iter().map(Value::from).collect(),
        Datatype::Int8 | Datatype::Int16 | Datatype::Int32 => {
            contents.ints.into_iter().map(Value::from).collect()
        }
        Datatype::Int64 => contents.int64s.into_iter().map(Value::from).collect(),
        Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 => {
            contents.uints.into_iter().map(Value::from).collect()
        }
        Datatype::Uint64 => contents.uint64s.into_iter().map(Value::from).collect(),
        Datatype::Fp32 => {
            contents.fp32s.into_iter().map(|number| real(number.into())).collect::<Result<_, _>>()?
        }
        Datatype::Fp64 => contents.fp64s.into_iter().map(real).collect::<Result<_, _>>()?,
        Datatype::Bytes => contents.bytes.iter().map(|text| utf8(text)).collect::<Result<_, _>>()?,
        Datatype::Fp16 | Datatype::Bf16 => {
            return Err(format!("{} has no typed contents; use raw_input_contents", datatype.as_str()));
        }
    };
    match values.iter().find(|value| !datatype.holds(value)) {
        Some(wrong) => Err(format!("{wrong} does not fit {}", datatype.as_str())),
        None => Ok(values),
    }
}

fn wanted(output: wire::RequestedOutput) -> Result<Wanted, String> {
    let parameters = parameters(output.parameters)?;
    refuse_shared_memory(&output.name, &parameters)?;
    Ok(Wanted { name: output.name, binary: false, classes: classes(&parameters)? })
}

/// An answer as a message.
pub(super) fn response(response: InferResponse, as_bytes: bool) -> wire::InferResponse {
    let halves = |(tensor, _): &(Tensor, bool)| matches!(tensor.datatype, Datatype::Fp16 | Datatype::Bf16);
    let as_bytes = as_bytes || response.outputs.iter().any(halves);
    let mut raw = Vec::new();
    let mut outputs = Vec::with_capacity(response.outputs.len());
    for (tensor, _) in response.outputs {
        let contents = if as_bytes {
            let mut bytes = Vec::new();
            tensor.datatype.write(&tensor.values, &mut bytes);
            raw.push(bytes);
            None
        } else {
            Some(contents(tensor.datatype, &tensor.values))
        };
        outputs.push(wire::Tensor {
            name: tensor.name,
            datatype: tensor.datatype.as_str().to_owned(),
            shape: tensor.shape.iter().map(|side| i64::try_from(*side).unwrap_or(i64::MAX)).collect(),
            parameters: HashMap::new(),
            contents,
        });
    }
    wire::InferResponse {
        model_name: response.model,
        model_version: response.version.to_string(),
        id: response.id,
        parameters: HashMap::new(),
        outputs,
        raw_output_contents: raw,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the type was chosen to hold the values")]
fn contents(datatype: Datatype, values: &[Value]) -> Contents {
    let mut contents = Contents::default();
    let integers = || values.iter().map(|value| value.as_i64().unwrap_or_default());
    let naturals = || values.iter().map(|value| value.as_u64().unwrap_or_default());
    let reals = || values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN));
    match datatype {
        Datatype::Bool => {
            contents.bools = values.iter().map(|value| value.as_bool().unwrap_or_default()).collect();
        }
        Datatype::Int8 | Datatype::Int16 | Datatype::Int32 => {
            contents.ints = integers().map(|number| number as i32).collect();
        }
        Datatype::Int64 => contents.int64s = integers().collect(),
        Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 => {
            contents.uints = naturals().map(|number| number as u32).collect();
        }
        Datatype::Uint64 => contents.uint64s = naturals().collect(),
        Datatype::Fp16 | Datatype::Bf16 | Datatype::Fp32 => {
            contents.fp32s = reals().map(|number| number as f32).collect();
        }
        Datatype::Fp64 => contents.fp64s = reals().collect(),
        Datatype::Bytes => {
            let text = |value: &Value| crate::inference::v2::datatype::text(value).into_bytes();
            contents.bytes = values.iter().map(text).collect();
        }
    }
    contents
}

#[cfg(test)]
mod tests {
    use super::super::messages::{self as wire, Contents};
    use super::{request, response};
    use crate::inference::v2::datatype::Datatype;
    use crate::inference::v2::message::InferResponse;
    use crate::inference::v2::tensor::Tensor;
    use serde_json::{Value, json};

    fn input(datatype: &str, shape: &[i64], contents: Option<Contents>) -> wire::Tensor {
        wire::Tensor {
            name: "x".into(),
            datatype: datatype.into(),
            shape: shape.to_vec(),
            contents,
            ..Default::default()
        }
    }

    #[test]
    fn typed_and_raw_contents_are_the_same() {
        let contents = Contents { fp32s: vec![1.0, 2.0], ..Default::default() };
        let typed =
            wire::InferRequest { inputs: vec![input("FP32", &[2, 1], Some(contents))], ..Default::default() };
        let bytes = [1.0_f32, 2.0].map(f32::to_le_bytes).concat();
        let raw = wire::InferRequest {
            inputs: vec![input("FP32", &[2, 1], None)],
            raw_input_contents: vec![bytes.clone()],
            ..Default::default()
        };
        let ((typed, as_bytes), (raw, raw_as_bytes)) = (request(typed).unwrap(), request(raw).unwrap());
        assert_eq!((typed, as_bytes, raw_as_bytes), (raw.clone(), false, true));
        let answer = InferResponse {
            model: "m".into(),
            version: 1,
            id: "i".into(),
            outputs: vec![(raw.inputs[0].clone(), false)],
        };
        assert_eq!(response(answer.clone(), true).raw_output_contents, [bytes]);
        let typed = response(answer, false);
        assert_eq!(typed.outputs[0].contents.as_ref().unwrap().fp32s, [1.0, 2.0]);
    }

    #[test]
    fn mistakes_are_named() {
        let raw = |inputs: Vec<wire::Tensor>, raw: Vec<Vec<u8>>| {
            request(wire::InferRequest { inputs, raw_input_contents: raw, ..Default::default() })
                .unwrap_err()
                .message
        };
        let ints = || Some(Contents { ints: vec![300], ..Default::default() });
        for (refused, message) in [
            (raw(vec![input("FP32", &[-1], None)], vec![]), "negative side"),
            (
                raw(vec![input("FP32", &[1], None)], vec![vec![0; 4], vec![]]),
                "1 inputs and 2 raw_input_contents",
            ),
            (raw(vec![input("INT8", &[1], ints())], vec![]), "300 does not fit INT8"),
            (raw(vec![input("INT32", &[2], ints())], vec![]), "have 1 values, its shape [2] needs 2"),
            (
                raw(vec![input("INT32", &[1], ints())], vec![vec![0; 4]]),
                "both contents and raw_input_contents",
            ),
            (raw(vec![input("FP16", &[1], ints())], vec![]), "FP16 has no typed contents"),
            (
                raw(vec![input("FP32", &[1], None)], vec![vec![0; 3]]),
                "has 3 bytes, 1 elements of FP32 need 4",
            ),
        ] {
            assert!(refused.contains(message), "{refused}");
        }
    }

    #[test]
    fn halves_go_as_bytes() {
        let half =
            Tensor { name: "h".into(), datatype: Datatype::Fp16, shape: vec![1], values: vec![json!(1.0)] };
        let text = Tensor {
            name: "t".into(),
            datatype: Datatype::Bytes,
            shape: vec![1],
            values: vec![Value::from("é")],
        };
        let outputs = vec![(half, false), (text.clone(), false)];
        let answer = InferResponse { model: "m".into(), version: 1, id: "i".into(), outputs };
        assert_eq!(
            response(answer, false).raw_output_contents,
            [vec![0, 0x3c], vec![2, 0, 0, 0, 0xc3, 0xa9]]
        );
        let answer =
            InferResponse { model: "m".into(), version: 1, id: "i".into(), outputs: vec![(text, false)] };
        assert_eq!(response(answer, false).outputs[0].contents.as_ref().unwrap().bytes, ["é".as_bytes()]);
    }
}
