//! Registered models, versions, stages and aliases.
