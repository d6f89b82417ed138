//! Experiments, runs, parameters, metric history and logged models.
