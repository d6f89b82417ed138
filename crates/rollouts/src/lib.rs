//! Progressive delivery as pure state machines: canary steps, analysis, rollback.
