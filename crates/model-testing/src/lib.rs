//! The battery of tests a candidate model must pass, and its reports.
