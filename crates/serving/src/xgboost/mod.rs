//! The boosters of XGBoost, from the JSON or UBJSON that `Booster.save_model` writes (1.7 to 3.2), and their
//! predictions, number for number: sums are made in the same order and in single precision, as
//! `Booster.predict` makes them of all trees.

mod booster;
mod file;
mod objective;
mod ubjson;

use crate::boosters::{self, Unread, broken};
use crate::signature::{ColumnSpec, TENSOR};
use booster::Booster;
use file::{File, Head, refused_version};
use std::sync::Arc;

/// Reads the file of a booster, which is to take `inputs` where the model's signature names them.
pub(crate) fn read(bytes: &[u8], inputs: Option<&[ColumnSpec]>) -> Result<boosters::Booster, Unread> {
    let (file, platform) = parse(bytes)?;
    let booster = Booster::read(file)?;
    if let Some(problem) = inputs.and_then(|inputs| booster.refuses(inputs)) {
        return Err(Unread::Unsupported(problem));
    }
    Ok(boosters::Booster {
        platform,
        inputs: own_inputs(&booster),
        width: booster.width,
        outputs: booster.outputs(),
        dtype: "float32",
        predictor: Arc::new(booster),
    })
}

/// The content tells the two forms apart, whatever the file is called: after the first brace UBJSON has the
/// type of a length, JSON a quotation mark or blanks before it.
fn parse(bytes: &[u8]) -> Result<(File, &'static str), Unread> {
    match bytes {
        [b'{', b'L' | b'l' | b'I' | b'U' | b'i', ..] => {
            let file = ubjson::read(bytes).map_err(|problem| {
                of_unknown_version(ubjson::read(bytes))
                    .unwrap_or_else(|| broken(format!("UBJSON: {problem}")))
            })?;
            Ok((file, "xgboost_ubj"))
        }
        [b'{', ..] => {
            let file = serde_json::from_slice(bytes).map_err(|error| {
                // XGBoost writes what JSON has no words for.
                if ["NaN", "Infinity"].iter().any(|word| contains(bytes, word.as_bytes())) {
                    return Unread::Unsupported("numbers that are not finite, as JSON".to_owned());
                }
                of_unknown_version(serde_json::from_slice(bytes)).unwrap_or_else(|| broken(error.to_string()))
            })?;
            Ok((file, "xgboost_json"))
        }
        // What the library wrote before 3.1 unless it was asked for JSON.
        [b'b', b'i', b'n', b'f', ..] => Err(Unread::Unsupported("the old binary format".to_owned())),
        _ => Err(Unread::Unsupported("a format that is neither JSON nor UBJSON".to_owned())),
    }
}

/// Whether a file that cannot be read is one of a version that is not known.
fn of_unknown_version<E>(head: Result<Head, E>) -> Option<Unread> {
    head.ok().and_then(|head| refused_version(&head.version))
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// The columns that the booster was trained on, or one matrix where it knows no names.
fn own_inputs(booster: &Booster) -> Vec<ColumnSpec> {
    if !booster.features.is_empty() {
        return booster.features.iter().map(|name| boosters::column(name)).collect();
    }
    vec![ColumnSpec {
        name: "input".to_owned(),
        kind: TENSOR.to_owned(),
        required: true,
        dtype: Some("float32".to_owned()),
        shape: Some(vec![-1, i64::try_from(booster.width).unwrap_or(-1)]),
    }]
}

#[cfg(test)]
mod tests;
