//! A test whose weights follow its results.

use super::spec::{Arm, duration};
use mainspring_expressions::yaml::{Fault, Node};
use mainspring_stats::decide::Allocation;
use std::time::Duration;

/// The least time between two changes of the weights.
const LEAST: Duration = Duration::from_secs(60 * 60);
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);
const FLOOR: f64 = 0.05;

/// How weights follow results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bandit {
    /// By which rule.
    pub allocation: Allocation,
    /// How long a phase lasts at least.
    pub every: Duration,
    /// The least weight of an arm that does no harm.
    pub floor: f64,
}

impl Bandit {
    pub(super) fn parse(node: &Node, arms: &[Arm]) -> Result<Self, Fault> {
        let map = node.map("bandit")?;
        map.deny_unknown("key of `bandit`", &["by", "every", "floor"])?;
        let allocation = match map.get("by") {
            None => Allocation::Thompson,
            Some(node) => {
                node.one_of("by", &[("thompson", Allocation::Thompson), ("top_two", Allocation::TopTwo)])?
            }
        };
        let every = duration(map, "every")?.unwrap_or(EVERY);
        if every < LEAST {
            let at = map.get("every").map_or(node.at, |node| node.at);
            return Err(Fault::new(at, "`every` is below an hour", "write `every: 1d`"));
        }
        let floor = map.get("floor").map_or(Ok(FLOOR), |node| node.number("floor"))?;
        #[expect(clippy::cast_precision_loss, reason = "a number of arms")]
        let most = 1.0 / arms.len() as f64;
        if !(floor > 0.0 && floor < most) {
            let at = map.get("floor").map_or(node.at, |node| node.at);
            return Err(Fault::new(
                at,
                format!("`floor` is the least weight of an arm, above 0 and below {most:.2}"),
                "write `floor: 0.05`; an arm without units can never show that it is better",
            ));
        }
        Ok(Self { allocation, every, floor })
    }
}
