//! Boosters made by hand, in both forms. Those of the library are in `tests/it/in_process.rs`.

use super::read;
use crate::boosters::{Booster, Unread, column};
use crate::signature::{ColumnSpec, TENSOR};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Two outputs of a tree each: x < 0.5 gives 1 or 2 to the first, and missing goes right; y < 2 gives 10 or, by
/// z < 0 and missing to the left, 20 or 30 to the second. The second has a node that nothing leads to.
fn model() -> Value {
    let tree = |id, features: &[u32], left: &[i32], right: &[i32], values: &[f32], default_left: &[u8]| {
        json!({
            "id": id,
            "tree_param": {"num_nodes": left.len().to_string(), "size_leaf_vector": "1", "num_deleted": "0", "num_feature": "3"},
            "left_children": left, "right_children": right, "split_indices": features,
            "split_conditions": values, "default_left": default_left, "split_type": vec![0; left.len()],
            "base_weights": values, "categories": [],
        })
    };
    json!({
        "version": [3, 2, 0],
        "learner": {
            "attributes": {"best_iteration": "0"},
            "feature_names": ["x", "y", "z"],
            "feature_types": ["float", "float", "int"],
            "gradient_booster": {
                "name": "gbtree",
                "model": {
                    "gbtree_model_param": {"num_trees": "2", "num_parallel_tree": "1"},
                    "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
                    "tree_info": [0, 1],
                    "trees": [
                        tree(0, &[0, 0, 0], &[1, -1, -1], &[2, -1, -1], &[0.5, 1.0, 2.0], &[0, 0, 0]),
                        tree(1, &[1, 0, 2, 0, 0, 0], &[1, -1, 3, -1, -1, -1], &[2, -1, 4, -1, -1, -1],
                             &[2.0, 10.0, 0.0, 20.0, 30.0, 99.0], &[0, 0, 1, 0, 0, 0]),
                    ],
                },
            },
            "learner_model_param": {"base_score": "[5E-1,2.5E-1]", "num_class": "0", "num_feature": "3", "num_target": "2"},
            "objective": {"name": "reg:squarederror"},
        },
    })
}

/// A value as UBJSON, numbers in lists by type as the library writes them.
fn ubjson(value: &Value, out: &mut Vec<u8>) {
    let text = |text: &str, out: &mut Vec<u8>| {
        out.push(b'L');
        out.extend((text.len() as i64).to_be_bytes());
        out.extend(text.as_bytes());
    };
    match value {
        Value::Null => out.push(b'Z'),
        Value::Bool(yes) => out.push(if *yes { b'T' } else { b'F' }),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => {
                out.push(b'L');
                out.extend(whole.to_be_bytes());
            }
            None => {
                out.push(b'd');
                out.extend((number.as_f64().unwrap() as f32).to_be_bytes());
            }
        },
        Value::String(string) => {
            out.push(b'S');
            text(string, out);
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_f64) => {
            out.extend(b"[$d#L");
            out.extend((items.len() as i64).to_be_bytes());
            items.iter().for_each(|item| out.extend((item.as_f64().unwrap() as f32).to_be_bytes()));
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_i64) => {
            out.extend(b"[$l#L");
            out.extend((items.len() as i64).to_be_bytes());
            items.iter().for_each(|item| out.extend((item.as_i64().unwrap() as i32).to_be_bytes()));
        }
        Value::Array(items) => {
            out.push(b'[');
            items.iter().for_each(|item| ubjson(item, out));
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (name, field) in fields {
                text(name, out);
                ubjson(field, out);
            }
            out.push(b'}');
        }
    }
}

fn forms(model: &Value) -> [Vec<u8>; 2] {
    let mut binary = Vec::new();
    ubjson(model, &mut binary);
    [model.to_string().into_bytes(), binary]
}

fn with(pointer: &str, value: Value) -> Value {
    let mut model = model();
    *model.pointer_mut(pointer).unwrap() = value;
    model
}

fn asked(booster: &Booster, row: [f64; 3]) -> Vec<f64> {
    booster.predictor.predict(&row).unwrap()
}

fn refusal(model: &Value) -> Unread {
    let [text, binary] = forms(model).map(|bytes| read(&bytes, None).err().unwrap());
    assert!(
        matches!((&text, &binary), (Unread::Broken(_), Unread::Broken(_))) || text == binary,
        "{text:?} {binary:?}"
    );
    text
}

#[test]
fn numbers_and_missing_values_find_their_way_in_both_forms() {
    let nan = f64::NAN;
    let platforms = forms(&model()).map(|bytes| {
        let booster = read(&bytes, None).unwrap();
        assert_eq!((booster.width, booster.outputs, booster.inputs[1].name.as_str()), (3, 2, "y"));
        for (row, expected) in [
            ([0.4, 1.0, 0.0], [1.5, 10.25]),
            ([0.5, 2.0, -1.0], [2.5, 20.25]),
            ([nan, nan, nan], [2.5, 20.25]),
            // 0.49999999 is 0.5 in single precision.
            ([0.499_999_999, 3.0, 0.0], [2.5, 30.25]),
        ] {
            assert_eq!(asked(&booster, row), expected, "{row:?}");
        }
        let refused = booster.predictor.predict(&[0.0, 1e300, 0.0]).unwrap_err();
        assert!(refused.contains("feature `y` is too large"), "{refused}");
        booster.platform
    });
    assert_eq!(platforms, ["xgboost_json", "xgboost_ubj"]);
}

#[test]
fn leaves_count_by_the_weight_of_their_tree() {
    let mut dart = with("/learner/gradient_booster/name", json!("dart"));
    let inner = dart["learner"]["gradient_booster"]["model"].take();
    dart["learner"]["gradient_booster"] =
        json!({"name": "dart", "gbtree": {"name": "gbtree", "model": inner}, "weight_drop": [0.5, 2.0]});
    for bytes in forms(&dart) {
        let booster = read(&bytes, None).unwrap();
        assert_eq!(asked(&booster, [0.0, 0.0, 0.0]), [1.0, 20.25]);
    }
    dart["learner"]["gradient_booster"]["weight_drop"] = json!([0.5]);
    assert!(matches!(refusal(&dart), Unread::Broken(_)));
}

#[test]
fn a_linear_booster_skips_what_is_missing() {
    let weights = json!([1.0, 10.5, 2.0, 20.5, 3.0, 30.5, 0.5, 0.25]);
    let linear = with(
        "/learner/gradient_booster",
        json!({"name": "gblinear", "model": {"weights": weights, "boosted_rounds": 3}}),
    );
    let booster = read(&forms(&linear)[1], None).unwrap();
    assert_eq!(asked(&booster, [1.0, f64::NAN, 2.0]), [8.0, 72.25]);
    let short = with("/learner/gradient_booster", json!({"name": "gblinear", "model": {"weights": [1.5]}}));
    assert!(matches!(refusal(&short), Unread::Broken(_)));
}

#[test]
fn what_only_the_library_knows_is_named() {
    let tree = |field: &str| format!("/learner/gradient_booster/model/trees/1/{field}");
    for (pointer, value, what) in [
        ("/version", json!([3, 3, 0]), "the format of XGBoost 3.3"),
        ("/version", json!([1, 6, 2]), "the format of XGBoost 1.6"),
        ("/learner/feature_types", json!(["c", "float", "int"]), "categories"),
        (
            "/learner/objective/name",
            json!("reg:quantileerror"),
            "the objective `reg:quantileerror` with 2 outputs",
        ),
        ("/learner/objective/name", json!("my:own"), "the objective `my:own` with 2 outputs"),
        ("/learner/gradient_booster/name", json!("other"), "the booster `other`"),
        ("/learner/gradient_booster/model/cats/enc", json!([{}]), "categories"),
        (&tree("split_type"), json!([1, 0, 0, 0, 0, 0]), "categories"),
        (&tree("tree_param/size_leaf_vector"), json!("2"), "trees with several outputs"),
        (&tree("id"), json!(0), "trees in another order than their numbers"),
        (
            &tree("right_children"),
            json!([3, -1, 4, -1, -1, -1]),
            "children that do not lie beside each other",
        ),
        ("/learner/learner_model_param/base_score", json!("inf"), "the base score inf"),
    ] {
        assert_eq!(refusal(&with(pointer, value)), Unread::Unsupported(what.to_owned()), "{pointer}");
    }
    let logistic = |score: &str| {
        let mut model = with("/learner/objective/name", json!("binary:logistic"));
        model["learner"]["learner_model_param"]["base_score"] = json!(score);
        read(&forms(&model)[0], None)
    };
    assert!(matches!(logistic("1E0").err(), Some(Unread::Unsupported(_))));
    assert!(logistic("5E-1").is_ok());
    assert!(matches!(read(b"binf....", None).err(), Some(Unread::Unsupported(_))));
    let text = model().to_string().replace("99.0", "NaN");
    assert!(matches!(read(text.as_bytes(), None).err(), Some(Unread::Unsupported(_))));
}

#[test]
fn a_file_that_is_no_booster_is_broken() {
    let tree = |field: &str| format!("/learner/gradient_booster/model/trees/1/{field}");
    for (pointer, value) in [
        ("/version", json!([])),
        ("/learner/feature_names", json!(["x"])),
        ("/learner/learner_model_param/num_feature", json!("2")),
        ("/learner/learner_model_param/num_class", json!("-1")),
        ("/learner/learner_model_param/base_score", json!("[1,2,3]")),
        ("/learner/learner_model_param/base_score", json!("half")),
        ("/learner/gradient_booster/model/tree_info", json!([0, 2])),
        ("/learner/gradient_booster/model/tree_info", json!([0])),
        (&tree("left_children"), json!([-1, -1, 3, -1, -1, -1])),
        (&tree("left_children"), json!([1])),
        (&tree("left_children"), json!("none")),
        (&tree("default_left"), json!([2, 0, 0, 0, 0, 0])),
        (&tree("split_indices"), json!([3, 0, 2, 0, 0, 0])),
    ] {
        let refused = refusal(&with(pointer, value.clone()));
        assert!(matches!(refused, Unread::Broken(_)), "{pointer} {value}: {refused:?}");
    }
    for (left, problem) in
        [(0, "two ways lead to node 0"), (1, "two ways lead to node 2"), (9, "there is no node 10")]
    {
        let mut model = with(&tree("left_children"), json!([1, -1, left, -1, -1, -1]));
        *model.pointer_mut(&tree("right_children")).unwrap() = json!([2, -1, left + 1, -1, -1, -1]);
        assert!(matches!(refusal(&model), Unread::Broken(text) if text.contains(problem)), "{problem}");
    }
}

#[test]
fn a_signature_must_have_the_names_of_the_training_in_their_order() {
    let bytes = &forms(&model())[0];
    let tensor = |width| ColumnSpec { kind: TENSOR.to_owned(), shape: Some(vec![-1, width]), ..column("t") };
    let columns = |names: &[&str]| names.iter().map(|name| column(name)).collect::<Vec<_>>();
    let text = ColumnSpec { kind: "string".to_owned(), ..column("z") };
    assert!(read(bytes, Some(&columns(&["x", "y", "z"]))).is_ok());
    for refused in [
        columns(&["y", "x", "z"]),
        columns(&["x", "y"]),
        vec![column("x"), column("y"), text],
        vec![tensor(3)],
        vec![tensor(3), tensor(3)],
    ] {
        assert!(matches!(read(bytes, Some(&refused)), Err(Unread::Unsupported(_))), "{refused:?}");
    }
    let unnamed = &forms(&with("/learner/feature_names", json!([])))[0];
    assert!(read(unnamed, Some(&columns(&["a", "b", "c"]))).is_ok());
    assert!(read(unnamed, Some(&[tensor(3)])).is_ok() && read(unnamed, Some(&[tensor(-1)])).is_ok());
    assert!(read(unnamed, Some(&[tensor(4)])).is_err());
    assert_eq!(read(unnamed, None).unwrap().inputs[0].shape, Some(vec![-1, 3]));
}

proptest! {
    #[test]
    fn bytes_that_changed_are_refused_or_predict(
        binary in any::<bool>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut bytes = forms(&model())[usize::from(binary)].clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(booster) = read(&bytes, None) {
            let row = vec![0.25; booster.width];
            prop_assert!(booster.predictor.predict(&row).unwrap().len() == booster.outputs);
        }
    }
}
