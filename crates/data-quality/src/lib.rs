//! Data contracts and the data gate.
