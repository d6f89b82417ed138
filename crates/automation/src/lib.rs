//! When this happens, do that: the one crate that joins the capabilities.
