//! The DVC-compatible engine: cache, .dvc files, remotes, status.
