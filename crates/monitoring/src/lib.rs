//! Reference profiles, drift, delayed labels, performance and alerts.
