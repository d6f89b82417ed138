//! Who sees which arm, as a test's file says it.

use super::spec::{Ramp, duration};
use super::targeting::Targeting;
use mainspring_expressions::yaml::{Fault, Mapping, Node};
use mainspring_stats::assignment::{Hashing, Holdout, Namespace};
use std::time::Duration;

/// What is remembered of units in documents of their clients, as the GrowthBook SDKs have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// The attribute that a unit is the value of.
    pub attribute: String,
    /// Looked up after `attribute` (`id` where none is named, as in the SDKs). A unit whose attributes lack
    /// `attribute` is known by this one.
    pub fallback: Option<String>,
    /// The version of the documents' entries.
    pub bucket_version: u32,
    /// Units with entries of versions below this take no part.
    pub min_bucket_version: u32,
}

impl Sticky {
    /// Reads the keys of `assignment` that are about documents. `elsewhere`: units are assigned for
    /// programs that serve arms themselves. `bandit`: weights follow results.
    fn read(map: &Mapping, elsewhere: bool, bandit: bool) -> Result<Option<Self>, Fault> {
        let of_documents = ["hash_attribute", "fallback_attribute", "bucket_version", "min_bucket_version"];
        let sticky = map.get("sticky").map(|node| Ok((node, node.boolean("sticky")?))).transpose()?;
        let Some((node, _)) = sticky.filter(|(_, wanted)| *wanted) else {
            let stray = of_documents.into_iter().find_map(|key| Some((key, map.get(key)?)));
            return match stray {
                Some((key, node)) => {
                    let message = format!("`{key}` goes with `sticky: true`");
                    Err(Fault::new(node.at, message, "add it, or remove this"))
                }
                None => Ok(None),
            };
        };
        if !elsewhere {
            return Err(Fault::new(
                node.at,
                "`sticky` is for tests whose arms are served elsewhere: others have no documents of clients",
                "remove it: who has seen an arm keeps it for the phase anyway",
            ));
        }
        if bandit {
            return Err(Fault::new(
                node.at,
                "`sticky` does not go with `bandit`: units that keep their arm were split by earlier weights",
                "remove it, or remove `bandit`",
            ));
        }
        let version = |key: &str| {
            let Some(node) = map.get(key) else { return Ok(0) };
            let message = || Fault::new(node.at, format!("`{key}` is too large"), "count versions from 0");
            u32::try_from(node.count(key)?).map_err(|_| message())
        };
        let read = Self {
            attribute: map
                .get("hash_attribute")
                .map_or(Ok("id"), |node| node.text("hash_attribute"))?
                .to_owned(),
            fallback: map
                .get("fallback_attribute")
                .map(|node| node.text("fallback_attribute").map(str::to_owned))
                .transpose()?,
            bucket_version: version("bucket_version")?,
            min_bucket_version: version("min_bucket_version")?,
        };
        if let (true, Some(node)) =
            (read.min_bucket_version > read.bucket_version, map.get("min_bucket_version"))
        {
            let message =
                "`min_bucket_version` is above `bucket_version`, so that everybody would be put out";
            return Err(Fault::new(node.at, message, "raise `bucket_version` as well"));
        }
        Ok(Some(read))
    }
}

/// Who sees which arm.
pub(super) struct Assignment {
    pub(super) hashing: Hashing,
    pub(super) seed: Option<String>,
    pub(super) ramp: Vec<Ramp>,
    pub(super) namespace: Option<Namespace>,
    pub(super) holdout: Option<Holdout>,
    pub(super) targeting: Targeting,
    pub(super) sticky: Option<Sticky>,
}

impl Assignment {
    pub(super) fn read(node: Option<&Node>, elsewhere: bool, bandit: bool) -> Result<Self, Fault> {
        let everybody = Ramp { after: Duration::ZERO, coverage: 1.0 };
        let mut read = Self {
            hashing: Hashing::GrowthBook2,
            seed: None,
            ramp: vec![everybody],
            namespace: None,
            holdout: None,
            targeting: Targeting::default(),
            sticky: None,
        };
        let Some(node) = node else { return Ok(read) };
        let map = node.map("assignment")?;
        map.deny_unknown(
            "key of `assignment`",
            &[
                "hash",
                "seed",
                "coverage",
                "ramp",
                "namespace",
                "holdout",
                "where",
                "sticky",
                "hash_attribute",
                "fallback_attribute",
                "bucket_version",
                "min_bucket_version",
            ],
        )?;
        read.sticky = Sticky::read(map, elsewhere, bandit)?;
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
