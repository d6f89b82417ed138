//! Who sees which arm, as a test's file says it.

use super::spec::{Ramp, duration};
use super::targeting::Targeting;
use mainspring_expressions::yaml::{Fault, Node};
use mainspring_stats::assignment::{Hashing, Holdout, Namespace};
use std::time::Duration;

/// Who sees which arm.
pub(super) struct Assignment {
    pub(super) hashing: Hashing,
    pub(super) seed: Option<String>,
    pub(super) ramp: Vec<Ramp>,
    pub(super) namespace: Option<Namespace>,
    pub(super) holdout: Option<Holdout>,
    pub(super) targeting: Targeting,
}

impl Assignment {
    pub(super) fn read(node: Option<&Node>) -> Result<Self, Fault> {
        let everybody = Ramp { after: Duration::ZERO, coverage: 1.0 };
        let mut read = Self {
            hashing: Hashing::GrowthBook2,
            seed: None,
            ramp: vec![everybody],
            namespace: None,
            holdout: None,
            targeting: Targeting::default(),
        };
        let Some(node) = node else { return Ok(read) };
        let map = node.map("assignment")?;
        map.deny_unknown(
            "key of `assignment`",
            &["hash", "seed", "coverage", "ramp", "namespace", "holdout", "where"],
        )?;
        if let Some(node) = map.get("hash") {
            read.hashing = node.one_of(
                "hash",
                &[
                    ("growthbook", Hashing::GrowthBook2),
                    ("growthbook-v1", Hashing::GrowthBook1),
                    ("native", Hashing::Native),
                ],
            )?;
        }
        read.seed = map.get("seed").map(|node| node.scalar("seed")).transpose()?;
        if let Some(node) = map.get("coverage") {
            read.ramp = vec![Ramp { coverage: node.number("coverage")?, ..everybody }];
        }
        if let Some(node) = map.get("ramp") {
            read.ramp = ramp(node)?;
        }
        if let Some(node) = map.get("namespace") {
            let map = node.map("namespace")?;
            map.deny_unknown("key of `namespace`", &["name", "low", "high"])?;
            read.namespace = Some(Namespace {
                name: map.require("name", "the name space")?.text("name")?.to_owned(),
                low: map.require("low", "the name space")?.number("low")?,
                high: map.require("high", "the name space")?.number("high")?,
            });
        }
        if let Some(node) = map.get("holdout") {
            let map = node.map("holdout")?;
            map.deny_unknown("key of `holdout`", &["seed", "share"])?;
            read.holdout = Some(Holdout {
                seed: map.require("seed", "the holdout")?.scalar("seed")?,
                share: map.require("share", "the holdout")?.number("share")?,
            });
        }
        if let Some(node) = map.get("where") {
            read.targeting = Targeting::parse(node)?;
        }
        Ok(read)
    }
}

/// A ramp only rises: who is in stays in.
fn ramp(node: &Node) -> Result<Vec<Ramp>, Fault> {
    let mut ramp: Vec<Ramp> = Vec::new();
    for item in node.list("ramp")? {
        let map = item.map("a step of the ramp")?;
        map.deny_unknown("key of a step", &["after", "coverage"])?;
        let step = Ramp {
            after: duration(map, "after")?.unwrap_or_default(),
            coverage: map.require("coverage", "the step")?.number("coverage")?,
        };
        let rises = ramp
            .last()
            .map_or(step.after.is_zero(), |last| step.after > last.after && step.coverage >= last.coverage);
        if !rises || !(0.0..=1.0).contains(&step.coverage) {
            return Err(Fault::new(
                item.at,
                "the steps of a ramp begin at 0s and rise in time and coverage, up to 1",
                "who is in a test stays in it",
            ));
        }
        ramp.push(step);
    }
    if ramp.is_empty() {
        return Err(Fault::new(node.at, "the ramp has no steps", "remove it, or add one"));
    }
    Ok(ramp)
}
