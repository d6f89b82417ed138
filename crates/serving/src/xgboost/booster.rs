//! A booster made for predicting.

use super::file::{self, File, MOST_FEATURES};
use super::objective::Objective;
use crate::boosters::{Predictor, Unread, broken};
use crate::signature::ColumnSpec;

/// Outputs of a model at most.
const MOST_OUTPUTS: usize = 10_000;
/// Types of columns in a signature that are numbers for the library.
const NUMBERS: [&str; 5] = ["double", "float", "long", "integer", "boolean"];

/// A loaded booster.
#[derive(Debug, PartialEq)]
pub(super) struct Booster {
    /// The names it was trained with; none when it knows none.
    pub(super) features: Vec<String>,
    /// Values that a row has.
    pub(super) width: usize,
    /// Where the sum of each output begins.
    margins: Vec<f32>,
    learner: Learner,
    objective: Objective,
}

#[derive(Debug, PartialEq)]
enum Learner {
    Trees {
        trees: Vec<Tree>,
        nodes: Vec<Node>,
        /// Nodes on the longest ways through all trees.
        steps: usize,
    },
    /// Weights by feature and output, then the biases.
    Linear(Vec<f32>),
}

#[derive(Debug, PartialEq)]
struct Tree {
    root: usize,
    output: usize,
    /// What `dart` multiplies its leaves by.
    weight: f32,
}

/// A split or a leaf. Children lie beside each other and behind their parent, so that every way down ends.
#[derive(Debug, PartialEq)]
struct Node {
    /// Smaller values go left; the value of a leaf.
    threshold: f32,
    feature: u32,
    /// The left child; 0, which is no child, in a leaf.
    left: u32,
    /// Where missing values go.
    default_left: bool,
}

impl Node {
    const fn leaf(value: f32) -> Self {
        Self { threshold: value, feature: 0, left: 0, default_left: false }
    }
}

fn unsupported<T>(what: impl Into<String>) -> Result<T, Unread> {
    Err(Unread::Unsupported(what.into()))
}

fn number(text: &str, name: &str) -> Result<usize, Unread> {
    text.parse().map_err(|_| broken(format!("`{name}` is no number")))
}

impl Booster {
    /// Makes a booster of what its file says.
    pub(super) fn read(file: File) -> Result<Self, Unread> {
        if let Some(unknown) = file::refused_version(&file.version) {
            return Err(unknown);
        }
        let learner = file.learner;
        if learner.feature_types.iter().any(|kind| kind == "c") {
            return unsupported("categories");
        }
        let param = learner.learner_model_param;
        let width = number(&param.num_feature, "num_feature")?;
        if !learner.feature_names.is_empty() && learner.feature_names.len() != width {
            return Err(broken(format!("{} names for {width} features", learner.feature_names.len())));
        }
        let targets = param.num_target.as_deref().map_or(Ok(1), |text| number(text, "num_target"))?;
        let outputs = number(&param.num_class, "num_class")?.max(targets).max(1);
        if outputs > MOST_OUTPUTS || width > MOST_FEATURES {
            return unsupported(format!("{outputs} outputs of {width} features"));
        }
        let objective = Objective::find(&learner.objective.name, outputs)?;
        let margins = margins(&param.base_score, outputs, objective)?;
        let booster = learner.gradient_booster;
        let learner_of = match (booster.name.as_str(), booster.model, booster.gbtree) {
            ("gbtree", Some(model), None) => trees(model, None, width, outputs)?,
            ("dart", None, Some(inner)) => trees(inner.model, booster.weight_drop, width, outputs)?,
            ("gblinear", Some(model), None) => linear(model, width, outputs)?,
            ("gbtree" | "dart" | "gblinear", _, _) => return Err(broken("it has no model")),
            (other, _, _) => return unsupported(format!("the booster `{other}`")),
        };
        Ok(Self { features: learner.feature_names, width, margins, learner: learner_of, objective })
    }

    /// Why the library would refuse data of a signature, if it would: columns must have the names of the
    /// training, in their order.
    pub(super) fn refuses(&self, inputs: &[ColumnSpec]) -> Option<String> {
        let named = !self.features.is_empty();
        if inputs.iter().any(ColumnSpec::is_tensor) {
            let [only] = inputs else { return Some("several tensors".to_owned()) };
            let wide = match only.shape.as_deref() {
                Some([_, side]) => *side < 0 || usize::try_from(*side) == Ok(self.width),
                _ => false,
            };
            return match (named, wide) {
                (true, _) => Some("feature names, where the signature is a tensor".to_owned()),
                (false, false) => Some("another number of features than the signature".to_owned()),
                (false, true) => None,
            };
        }
        if inputs.len() != self.width {
            return Some("another number of features than the signature".to_owned());
        }
        if named && inputs.iter().zip(&self.features).any(|(input, feature)| input.name != *feature) {
            return Some("other feature names than the signature, or another order".to_owned());
        }
        let other = inputs.iter().find(|input| !NUMBERS.contains(&input.kind.as_str()));
        other.map(|input| format!("a column of the type {}", input.kind))
    }

    /// Numbers of a prediction.
    pub(super) fn outputs(&self) -> usize {
        self.objective.outputs(self.margins.len())
    }
}

/// Where sums begin: one intercept for all outputs, or one each.
fn margins(text: &str, outputs: usize, objective: Objective) -> Result<Vec<f32>, Unread> {
    let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let scores: Option<Vec<f32>> = list.split(',').map(|score| score.trim().parse().ok()).collect();
    let scores = scores.ok_or_else(|| broken("`base_score` is neither a number nor a list"))?;
    let scores = match scores.as_slice() {
        [only] => vec![*only; outputs],
        several if several.len() == outputs => scores,
        several => return Err(broken(format!("{} base scores for {outputs} outputs", several.len()))),
    };
    scores.into_iter().map(|score| objective.margin(score)).collect()
}

fn linear(model: file::Model, width: usize, outputs: usize) -> Result<Learner, Unread> {
    let weights = model.weights.ok_or_else(|| broken("a linear booster has no weights"))?;
    if Some(weights.len()) != width.checked_add(1).and_then(|rows| rows.checked_mul(outputs)) {
        return Err(broken(format!("{} weights for {width} features", weights.len())));
    }
    Ok(Learner::Linear(weights))
}

fn trees(
    model: file::Model,
    weights: Option<Vec<f32>>,
    width: usize,
    outputs: usize,
) -> Result<Learner, Unread> {
    if model.cats.is_some_and(|cats| !cats.enc.is_empty()) {
        return unsupported("categories");
    }
    let count = model.trees.len();
    if model.tree_info.len() != count {
        return Err(broken(format!("{} outputs for {count} trees", model.tree_info.len())));
    }
    let weights = weights.unwrap_or_else(|| vec![1.0; count]);
    if weights.len() != count {
        return Err(broken(format!("{} weights for {count} trees", weights.len())));
    }
    let (mut nodes, mut steps) = (Vec::new(), 0);
    let mut trees = Vec::with_capacity(count);
    let each = model.trees.into_iter().zip(model.tree_info).zip(weights).enumerate();
    for (place, ((tree, output), weight)) in each {
        if tree.id != place {
            return unsupported("trees in another order than their numbers");
        }
        if output >= outputs {
            return Err(broken(format!("tree {place} adds to output {output} of {outputs}")));
        }
        let root = nodes.len();
        steps += plant(&tree, width, &mut nodes).map_err(|unread| match unread {
            Unread::Broken(problem) => broken(format!("tree {place}: {problem}")),
            unsupported @ Unread::Unsupported(_) => unsupported,
        })?;
        trees.push(Tree { root, output, weight });
    }
    Ok(Learner::Trees { trees, nodes, steps })
}

/// Takes over the nodes that can be reached from the root: files keep what was pruned. Gives the nodes of the
/// longest way.
fn plant(tree: &file::Tree, width: usize, nodes: &mut Vec<Node>) -> Result<usize, Unread> {
    if tree.tree_param.size_leaf_vector.as_deref().is_some_and(|size| !matches!(size, "0" | "1")) {
        return unsupported("trees with several outputs");
    }
    let count = tree.left_children.len();
    let lengths = [
        tree.right_children.len(),
        tree.split_indices.len(),
        tree.split_conditions.len(),
        tree.default_left.len(),
    ];
    if count == 0 || lengths.iter().any(|length| *length != count) {
        return Err(broken("its lists have different lengths, or none"));
    }
    let mut longest = 0;
    let mut waiting = vec![(0_usize, nodes.len(), 1)];
    nodes.push(Node::leaf(0.0));
    let mut reached = vec![false; count];
    while let Some((from, to, depth)) = waiting.pop() {
        longest = longest.max(depth);
        let known = reached.get_mut(from).ok_or_else(|| broken(format!("there is no node {from}")))?;
        if std::mem::replace(known, true) {
            return Err(broken(format!("two ways lead to node {from}")));
        }
        let (left, right) = (child(&tree.left_children, from)?, child(&tree.right_children, from)?);
        let threshold = tree.split_conditions.get(from).copied().unwrap_or(f32::NAN);
        let node = match (left, right) {
            (None, None) => Node::leaf(threshold),
            (Some(left), Some(right)) => {
                if left.checked_add(1) != Some(right) {
                    // The library takes the right child to be behind the left one, whatever the file says.
                    return unsupported("children that do not lie beside each other");
                }
                if tree.split_type.get(from) == Some(&file::Flag(true)) {
                    return unsupported("categories");
                }
                let feature = tree.split_indices.get(from).copied().unwrap_or(u32::MAX);
                if usize::try_from(feature).is_ok_and(|feature| feature >= width) {
                    return Err(broken(format!("node {from} asks for feature {feature} of {width}")));
                }
                let place = nodes.len();
                for (number, child) in [left, right].into_iter().enumerate() {
                    nodes.push(Node::leaf(0.0));
                    waiting.push((child, place + number, depth + 1));
                }
                let left = u32::try_from(place).or_else(|_| unsupported("too many nodes"))?;
                let default_left = tree.default_left.get(from) == Some(&file::Flag(true));
                Node { threshold, feature, left, default_left }
            }
            _ => return Err(broken(format!("node {from} has one child"))),
        };
        if let Some(place) = nodes.get_mut(to) {
            *place = node;
        }
    }
    Ok(longest)
}

/// A child's number; none in a leaf.
fn child(children: &[i32], node: usize) -> Result<Option<usize>, Unread> {
    match children.get(node) {
        Some(-1) => Ok(None),
        Some(number) => {
            usize::try_from(*number).map(Some).map_err(|_| broken(format!("there is no node {number}")))
        }
        None => Err(broken(format!("there is no node {node}"))),
    }
}

impl Predictor for Booster {
    fn cost(&self) -> usize {
        let steps = match &self.learner {
            Learner::Trees { steps, .. } => *steps,
            Learner::Linear(weights) => weights.len(),
        };
        // Each output is a number of its own at the end, after a function of it.
        steps + 10 * self.margins.len()
    }

    fn predict(&self, row: &[f64]) -> Result<Vec<f64>, String> {
        let mut values = Vec::with_capacity(row.len());
        for (place, value) in row.iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "the library computes in single precision")]
            let single = *value as f32;
            if single.is_infinite() {
                let name = self.features.get(place).map_or_else(|| place.to_string(), Clone::clone);
                return Err(format!("the value {value} of feature `{name}` is too large"));
            }
            values.push(single);
        }
        let mut sums = match &self.learner {
            Learner::Trees { trees, nodes, .. } => {
                let mut sums = self.margins.clone();
                for tree in trees {
                    if let Some(sum) = sums.get_mut(tree.output) {
                        *sum += leaf(nodes, tree.root, &values) * tree.weight;
                    }
                }
                sums
            }
            Learner::Linear(weights) => self.linear(weights, &values),
        };
        self.objective.convert(&mut sums);
        Ok(sums.into_iter().map(f64::from).collect())
    }
}

/// The value of the leaf that a row falls into.
fn leaf(nodes: &[Node], root: usize, row: &[f32]) -> f32 {
    let mut place = root;
    loop {
        let Some(node) = nodes.get(place) else { return f32::NAN };
        if node.left == 0 {
            return node.threshold;
        }
        let value = row.get(node.feature as usize).copied().unwrap_or(f32::NAN);
        let left = if value.is_nan() { node.default_left } else { value < node.threshold };
        place = node.left as usize + usize::from(!left);
    }
}

impl Booster {
    /// Sums of weighted features; what is missing adds nothing. All begin at the first intercept, as in the
    /// library.
    fn linear(&self, weights: &[f32], row: &[f32]) -> Vec<f32> {
        let outputs = self.margins.len();
        let begin = self.margins.first().copied().unwrap_or(f32::NAN);
        let (by_feature, biases) = weights.split_at(weights.len().saturating_sub(outputs));
        let mut sums: Vec<f32> = biases.iter().map(|bias| bias + begin).collect();
        for (value, weights) in
            row.iter().zip(by_feature.chunks(outputs)).filter(|(value, _)| !value.is_nan())
        {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
        sums
    }
}
