//! Pure statistics: ranking metrics, calibration, paired tests and drift distances.
