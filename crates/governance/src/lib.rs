//! Policy, audit trail and lineage.
