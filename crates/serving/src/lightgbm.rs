//! The text that LightGBM writes of a booster (`Booster.save_model`, versions 3 and 4), and its
//! prediction, number for number: the sums are made in the same order and in double precision.

use crate::boosters::{self, Predictor, Unread, broken};
use std::collections::HashMap;
use std::sync::Arc;

/// Trees of a model at most.
const MOST_TREES: usize = 200_000;
/// What counts as zero where zero stands for a missing value: `kZeroThreshold` of LightGBM.
const ZERO: f64 = 1e-35;

/// A loaded booster.
#[derive(Debug, PartialEq)]
struct Booster {
    features: Vec<String>,
    classes: usize,
    trees: Vec<Tree>,
    /// Nodes on the longest ways through all trees.
    steps: usize,
    objective: Objective,
    /// Whether the trees are averaged (a random forest) and not added.
    average: bool,
}

#[derive(Debug, PartialEq)]
struct Tree {
    nodes: Vec<Node>,
    leaves: Vec<f64>,
}

#[derive(Debug, PartialEq)]
struct Node {
    feature: usize,
    split: Split,
    /// A number of a node, or the complement of the number of a leaf.
    left: i32,
    right: i32,
}

#[derive(Debug, PartialEq)]
enum Split {
    Number {
        threshold: f64,
        missing: Missing,
        default_left: bool,
    },
    /// The categories that go left, as bits.
    Category(Vec<u32>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    None,
    Zero,
    Nan,
}

/// From the sum of the trees to the prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Objective {
    Identity,
    SignedSquare,
    Exponential,
    Sigmoid(f64),
    Softmax,
    /// `cross_entropy_lambda`
    LogOnePlusExp,
}

/// Reads the file of a booster.
pub(crate) fn read(bytes: &[u8]) -> Result<boosters::Booster, Unread> {
    let text = std::str::from_utf8(bytes).map_err(|error| broken(error.to_string()))?;
    let booster = Booster::read(text)?;
    Ok(boosters::Booster {
        platform: "lightgbm_text",
        inputs: booster.features.iter().map(|name| boosters::column(name)).collect(),
        width: booster.features.len(),
        outputs: booster.classes,
        dtype: "float64",
        predictor: Arc::new(booster),
    })
}

impl Booster {
    /// Reads the text of a booster.
    fn read(text: &str) -> Result<Self, Unread> {
        if text.lines().next() != Some("tree") {
            return Err(broken("it does not begin with `tree`"));
        }
        let (body, rest) =
            text.split_once("end of trees").ok_or_else(|| broken("it has no line `end of trees`"))?;
        // Frames of pandas have categories that the file lists behind the trees.
        let categories = rest.lines().find_map(|line| line.strip_prefix("pandas_categorical:"));
        if categories.is_some_and(|list| !matches!(list.trim(), "null" | "[]" | "")) {
            return Err(Unread::Unsupported("categories of pandas".to_owned()));
        }
        let mut blocks = body.split("\nTree=");
        let head = block(blocks.next().unwrap_or_default());
        let features: Vec<String> = head
            .get("feature_names")
            .map(|names| names.split(' ').map(str::to_owned).collect())
            .unwrap_or_default();
        let classes = number(&head, "num_tree_per_iteration")?;
        let trees: Vec<Tree> = blocks
            .take(MOST_TREES + 1)
            .map(|text| Tree::read(&block(text), features.len()))
            .collect::<Result<_, _>>()?;
        if classes == 0
            || trees.is_empty()
            || trees.len() > MOST_TREES
            || !trees.len().is_multiple_of(classes)
        {
            return Err(broken(format!("{} trees do not make {classes} classes", trees.len())));
        }
        let objective = Objective::read(head.get("objective").copied().unwrap_or_default(), classes)?;
        let steps = trees.iter().map(Tree::longest).sum();
        Ok(Self { features, classes, trees, steps, objective, average: head.contains_key("average_output") })
    }
}

impl Predictor for Booster {
    fn cost(&self) -> usize {
        // Each class is a number of its own at the end, after a function of it.
        self.steps + 10 * self.classes
    }

    fn predict(&self, row: &[f64]) -> Result<Vec<f64>, String> {
        let mut sums = vec![0.0; self.classes];
        for iteration in self.trees.chunks(self.classes) {
            for (sum, tree) in sums.iter_mut().zip(iteration) {
                *sum += tree.value(row);
            }
        }
        if self.average {
            #[expect(clippy::cast_precision_loss, reason = "there are few trees")]
            let iterations = (self.trees.len() / self.classes) as f64;
            sums.iter_mut().for_each(|sum| *sum /= iterations);
        }
        self.objective.convert(&mut sums);
        Ok(sums)
    }
}

type Block<'a> = HashMap<&'a str, &'a str>;

/// The lines `key=value` of a part.
fn block(text: &str) -> Block<'_> {
    text.lines().map(|line| line.split_once('=').unwrap_or((line, ""))).collect()
}

fn number(block: &Block<'_>, key: &str) -> Result<usize, Unread> {
    block.get(key).and_then(|text| text.parse().ok()).ok_or_else(|| broken(format!("`{key}` is no number")))
}

fn list<T: std::str::FromStr>(block: &Block<'_>, key: &str, length: usize) -> Result<Vec<T>, Unread> {
    let text = block.get(key).copied().unwrap_or_default();
    let found: Option<Vec<T>> = text.split_ascii_whitespace().map(|item| item.parse().ok()).collect();
    found
        .filter(|found| found.len() == length)
        .ok_or_else(|| broken(format!("`{key}` is not a list of {length} numbers")))
}

impl Tree {
    fn read(block: &Block<'_>, features: usize) -> Result<Self, Unread> {
        if block.get("is_linear").is_some_and(|linear| *linear != "0") {
            return Err(Unread::Unsupported("linear trees".to_owned()));
        }
        let count = number(block, "num_leaves")?;
        let leaves: Vec<f64> = list(block, "leaf_value", count)?;
        let inner = count.saturating_sub(1);
        let split_feature: Vec<usize> = list(block, "split_feature", inner)?;
        let threshold: Vec<f64> = list(block, "threshold", inner)?;
        let decision: Vec<u8> = list(block, "decision_type", inner)?;
        let left: Vec<i32> = list(block, "left_child", inner)?;
        let right: Vec<i32> = list(block, "right_child", inner)?;
        let categorical = number(block, "num_cat")?;
        let (bounds, bits): (Vec<usize>, Vec<u32>) = if categorical == 0 {
            (Vec::new(), Vec::new())
        } else {
            let bounds: Vec<usize> = list(block, "cat_boundaries", categorical + 1)?;
            let bits = list(block, "cat_threshold", bounds.last().copied().unwrap_or_default())?;
            (bounds, bits)
        };
        let mut nodes = Vec::with_capacity(inner);
        let each = split_feature.into_iter().zip(threshold).zip(decision).zip(left).zip(right).enumerate();
        for (place, ((((feature, threshold), decision), left), right)) in each {
            // A child comes after its parent, so that every way down ends.
            let sound = |child: i32| match usize::try_from(child) {
                Ok(node) => node > place && node < inner,
                Err(_) => usize::try_from(!child).is_ok_and(|leaf| leaf < count),
            };
            if feature >= features || !sound(left) || !sound(right) {
                return Err(broken(format!("node {place} of a tree leads nowhere")));
            }
            let split = if decision & 1 == 1 {
                Split::Category(categories(threshold, &bounds, &bits)?)
            } else {
                let missing = match (decision >> 2) & 3 {
                    0 => Missing::None,
                    1 => Missing::Zero,
                    _ => Missing::Nan,
                };
                Split::Number { threshold, missing, default_left: decision & 2 == 2 }
            };
            nodes.push(Node { feature, split, left, right });
        }
        Ok(Self { nodes, leaves })
    }

    /// Nodes on the longest way, the leaf included.
    fn longest(&self) -> usize {
        let mut depths = vec![1; self.nodes.len()];
        let mut longest = 1;
        for (place, node) in self.nodes.iter().enumerate() {
            let below = depths.get(place).copied().unwrap_or(1) + 1;
            longest = longest.max(below);
            for child in [node.left, node.right].into_iter().filter_map(|child| usize::try_from(child).ok()) {
                if let Some(depth) = depths.get_mut(child) {
                    *depth = below.max(*depth);
                }
            }
        }
        longest
    }

    fn value(&self, row: &[f64]) -> f64 {
        let mut place = if self.nodes.is_empty() { !0 } else { 0 };
        loop {
            match usize::try_from(place).ok().and_then(|place| self.nodes.get(place)) {
                Some(node) => {
                    let value = row.get(node.feature).copied().unwrap_or(f64::NAN);
                    place = if node.split.goes_left(value) { node.left } else { node.right };
                }
                None => {
                    let leaf = usize::try_from(!place).unwrap_or_default();
                    return self.leaves.get(leaf).copied().unwrap_or(f64::NAN);
                }
            }
        }
    }
}

/// The categories of a split, which `threshold` numbers.
fn categories(threshold: f64, bounds: &[usize], bits: &[u32]) -> Result<Vec<u32>, Unread> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "looked up with care below")]
    let number = threshold as usize;
    let (start, end) = (bounds.get(number), bounds.get(number + 1));
    let found = start.zip(end).and_then(|(start, end)| bits.get(*start..*end));
    found.map(<[u32]>::to_vec).ok_or_else(|| broken("a split has no categories"))
}

impl Split {
    fn goes_left(&self, value: f64) -> bool {
        match self {
            Self::Number { threshold, missing, default_left } => {
                let value = if value.is_nan() && *missing != Missing::Nan { 0.0 } else { value };
                let absent = match missing {
                    Missing::None => false,
                    Missing::Zero => value.abs() <= ZERO,
                    Missing::Nan => value.is_nan(),
                };
                if absent { *default_left } else { value <= *threshold }
            }
            Self::Category(bits) => {
                // The library cuts the fraction off before it asks for the sign.
                if value.is_nan() || value <= -1.0 || value > f64::from(i32::MAX) {
                    return false;
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
                let category = value as usize;
                bits.get(category / 32).is_some_and(|word| (word >> (category % 32)) & 1 == 1)
            }
        }
    }
}

impl Objective {
    fn read(text: &str, classes: usize) -> Result<Self, Unread> {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default();
        let options: Vec<&str> = words.collect();
        let sigmoid = || {
            let given = options.iter().find_map(|option| option.strip_prefix("sigmoid:"));
            given.map_or(Ok(1.0), |text| text.parse().map_err(|_| broken("`sigmoid` is no number")))
        };
        Ok(match name {
            "regression" if options.contains(&"sqrt") => Self::SignedSquare,
            "" | "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
            | "rank_xendcg" => Self::Identity,
            "poisson" | "gamma" | "tweedie" => Self::Exponential,
            "binary" | "multiclassova" => Self::Sigmoid(sigmoid()?),
            "cross_entropy" => Self::Sigmoid(1.0),
            "cross_entropy_lambda" => Self::LogOnePlusExp,
            "multiclass" if classes > 1 => Self::Softmax,
            other => return Err(Unread::Unsupported(format!("the objective `{other}`"))),
        })
    }

    fn convert(self, sums: &mut [f64]) {
        match self {
            Self::Identity => {}
            Self::SignedSquare => sums.iter_mut().for_each(|sum| *sum = sum.signum() * *sum * *sum),
            Self::Exponential => sums.iter_mut().for_each(|sum| *sum = sum.exp()),
            Self::Sigmoid(slope) => {
                sums.iter_mut().for_each(|sum| *sum = 1.0 / (1.0 + (-slope * *sum).exp()));
            }
            Self::LogOnePlusExp => sums.iter_mut().for_each(|sum| *sum = sum.exp().ln_1p()),
            Self::Softmax => {
                let most = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mut total = 0.0;
                for sum in sums.iter_mut() {
                    *sum = (*sum - most).exp();
                    total += *sum;
                }
                sums.iter_mut().for_each(|sum| *sum /= total);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Booster, Predictor as _, Unread};

    /// One split on each of two features: a number with a missing side, and a category of {1, 33}.
    const TEXT: &str = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nobjective=regression\n\
        feature_names=x c\n\nTree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=0 1\nthreshold=0.5 0\n\
        decision_type=10 1\nleft_child=-1 -2\nright_child=1 -3\nleaf_value=1 2 4\ncat_boundaries=0 2\n\
        cat_threshold=2 2\nis_linear=0\n\n\nend of trees\n\npandas_categorical:[]\n";

    #[test]
    fn numbers_missing_values_and_categories_find_their_way() {
        let booster = Booster::read(TEXT).unwrap();
        for (row, expected) in [
            ([0.5, 0.0], 1.0),
            ([f64::NAN, 0.0], 1.0),
            ([0.6, 1.0], 2.0),
            ([0.6, 33.9], 2.0),
            ([0.6, 2.0], 4.0),
            ([0.6, -1.0], 4.0),
            ([0.6, f64::NAN], 4.0),
            ([0.6, 1e12], 4.0),
        ] {
            assert_eq!(booster.predict(&row).unwrap(), [expected], "{row:?}");
        }
        let with_zero = Booster::read(&TEXT.replace("cat_threshold=2 2", "cat_threshold=3 2")).unwrap();
        for (category, expected) in [(0.0, 2.0), (-0.5, 2.0), (-1.0, 4.0)] {
            assert_eq!(with_zero.predict(&[0.6, category]).unwrap(), [expected], "{category}");
        }
    }

    #[test]
    fn what_is_not_read_says_why() {
        let read = |from: &str, to: &str| Booster::read(&TEXT.replace(from, to)).unwrap_err();
        for (from, to) in [
            ("tree\nversion", "x\nversion"),
            ("end of trees", "end"),
            ("right_child=1 -3", "right_child=0 -3"),
            ("right_child=1 -3", "right_child=1 -4"),
            ("leaf_value=1 2 4", "leaf_value=1 2"),
            ("cat_boundaries=0 2", "cat_boundaries=0 9"),
            ("split_feature=0 1", "split_feature=0 2"),
            ("num_tree_per_iteration=1", "num_tree_per_iteration=2"),
        ] {
            assert!(matches!(read(from, to), Unread::Broken(_)), "{to}");
        }
        for (from, to) in [
            ("is_linear=0", "is_linear=1"),
            ("objective=regression", "objective=custom"),
            ("pandas_categorical:[]", "pandas_categorical:[[\"a\"]]"),
        ] {
            assert!(matches!(read(from, to), Unread::Unsupported(_)), "{to}");
        }
    }
}
