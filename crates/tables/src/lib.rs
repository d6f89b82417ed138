//! CSV files as Arrow batches and one-pass mergeable profiles.
