//! When a test starts by itself.

use mainspring_domain::Timestamp;
use mainspring_expressions::yaml::{Fault, Node};

/// When a test starts without anybody's word. It never starts before it can: its control is in charge, its
/// versions are registered, and no other test splits the route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// As soon as it can.
    Ready,
    /// As soon as it can from this time on.
    From(Timestamp),
}

impl Start {
    /// Whether it is time.
    #[must_use]
    pub fn is_due(self, now: Timestamp) -> bool {
        match self {
            Self::Ready => true,
            Self::From(time) => now >= time,
        }
    }

    pub(super) fn read(node: &Node) -> Result<Self, Fault> {
        let text = node.scalar("start")?;
        if text == "ready" {
            return Ok(Self::Ready);
        }
        Timestamp::parse(&text).map(Self::From).ok_or_else(|| {
            Fault::new(
                node.at,
                format!("`{text}` is no start of a test"),
                "write `ready`, or a time such as `2026-12-01T09:00:00Z`; without `start` it waits for \
                 `mainspring ab start`",
            )
        })
    }
}
