//! What a booster's file says, as far as predictions need it. Statistics of the training are left out.
//! The format is that of XGBoost's `doc/model.schema`.

use crate::boosters::{Unread, broken};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

/// The versions whose predictions have been compared with those made here.
const KNOWN: RangeInclusive<(u32, u32)> = (1, 7)..=(3, 2);

/// Trees of a model at most.
pub(super) const MOST_TREES: usize = 200_000;
/// Features of a model at most.
pub(super) const MOST_FEATURES: usize = 1 << 20;

/// What every version has.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) version: Vec<u32>,
}

/// What to say of a version that is not known.
pub(super) fn refused_version(version: &[u32]) -> Option<Unread> {
    match version {
        [major, minor, ..] if KNOWN.contains(&(*major, *minor)) => None,
        [major, minor, ..] => Some(Unread::Unsupported(format!("the format of XGBoost {major}.{minor}"))),
        _ => Some(broken("it names no version")),
    }
}

/// A list that is refused before it has grown: few bytes of a file can stand for many of memory.
struct Short<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Short<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST}")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() == MOST {
                return Err(de::Error::invalid_length(MOST + 1, &self));
            }
            list.push(item);
        }
        Ok(list)
    }
}

fn trees<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(Short::<T, MOST_TREES>(PhantomData))
}

fn features<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_seq(Short::<String, MOST_FEATURES>(PhantomData))
}

#[derive(Deserialize)]
pub(super) struct File {
    pub(super) version: Vec<u32>,
    pub(super) learner: Learner,
}

#[derive(Deserialize)]
pub(super) struct Learner {
    pub(super) learner_model_param: ModelParam,
    pub(super) objective: Objective,
    pub(super) gradient_booster: GradientBooster,
    #[serde(default, deserialize_with = "features")]
    pub(super) feature_names: Vec<String>,
    #[serde(default, deserialize_with = "features")]
    pub(super) feature_types: Vec<String>,
}

/// Numbers are texts here.
#[derive(Deserialize)]
pub(super) struct ModelParam {
    /// A number, or from 3.1 on a list of them: `[5E-1,2E-1]`.
    pub(super) base_score: String,
    pub(super) num_feature: String,
    pub(super) num_class: String,
    #[serde(default)]
    pub(super) num_target: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Objective {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct GradientBooster {
    pub(super) name: String,
    /// Of `gbtree` and `gblinear`.
    #[serde(default)]
    pub(super) model: Option<Model>,
    /// Of `dart`: the trees, whose weights are beside them.
    #[serde(default)]
    pub(super) gbtree: Option<Inner>,
    #[serde(default)]
    pub(super) weight_drop: Option<Vec<f32>>,
}

#[derive(Deserialize)]
pub(super) struct Inner {
    pub(super) model: Model,
}

#[derive(Deserialize)]
pub(super) struct Model {
    #[serde(default, deserialize_with = "trees")]
    pub(super) trees: Vec<Tree>,
    /// The output that each tree adds to.
    #[serde(default, deserialize_with = "trees")]
    pub(super) tree_info: Vec<usize>,
    #[serde(default)]
    pub(super) cats: Option<Categories>,
    /// Of `gblinear`: by feature and output, then the biases.
    #[serde(default)]
    pub(super) weights: Option<Vec<f32>>,
}

/// The categories of data frames.
#[derive(Deserialize)]
pub(super) struct Categories {
    #[serde(default)]
    pub(super) enc: Vec<de::IgnoredAny>,
}

/// The nodes of a tree, by number; 0 is the root.
#[derive(Deserialize)]
pub(super) struct Tree {
    pub(super) id: usize,
    pub(super) tree_param: TreeParam,
    #[serde(default)]
    pub(super) left_children: Vec<i32>,
    #[serde(default)]
    pub(super) right_children: Vec<i32>,
    #[serde(default)]
    pub(super) split_indices: Vec<u32>,
    /// Thresholds; the value of a leaf.
    #[serde(default)]
    pub(super) split_conditions: Vec<f32>,
    #[serde(default)]
    pub(super) default_left: Vec<Flag>,
    /// 1 for a split by categories.
    #[serde(default)]
    pub(super) split_type: Vec<Flag>,
}

#[derive(Deserialize)]
pub(super) struct TreeParam {
    #[serde(default)]
    pub(super) size_leaf_vector: Option<String>,
}

/// Yes or no, which JSON has as 0 and 1, or as a truth value in older files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0 or 1")
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Flag, E> {
                Ok(Flag(yes))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Flag, E> {
                match number {
                    0 => Ok(Flag(false)),
                    1 => Ok(Flag(true)),
                    other => Err(E::invalid_value(de::Unexpected::Signed(other), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Flag, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
