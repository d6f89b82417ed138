//! Pure statistics: ranking metrics, calibration, paired tests, drift distances and the special
//! functions they need. No I/O; what cannot be computed is `None`, never a made-up number.
#![warn(missing_docs)]

pub mod assignment;
pub mod bayes;
pub mod calibration;
pub mod compat;
pub mod counts;
pub mod decide;
pub mod drift;
pub mod error;
pub mod estimate;
pub mod exact;
pub mod fixed;
pub mod intervals;
pub mod ks;
pub mod moments;
pub mod ranking;
pub mod sequential;
pub mod special;
