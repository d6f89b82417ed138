//! Distribution functions, each tail as a function of its own: `1 - cdf` has no digits left where tests
//! need them.
//!
//! Relative error at most 1e-12 for tails down to 1e-300 and parameters up to 1e7; checked against
//! values of 60 digits (`tests/it/special.json`). All elementary functions come from `libm`, so that a
//! result has the same bits on every machine.

/// Parameters up to which quantiles are searched; NaN beyond.
const MAX_PARAMETER: f64 = 1e9;

mod beta;
mod elementary;
mod gamma;
mod normal;
mod quadrature;
mod solve;
mod student;

pub use beta::{
    beta_cdf, beta_quantile, beta_sf, binomial_cdf, binomial_pmf, binomial_sf, f_quantile, f_sf, ln_beta,
};
pub use gamma::{chi2_cdf, chi2_isf, chi2_sf, gamma_p, gamma_q, gamma_quantile, ln_gamma};
pub use normal::{
    ln_normal_sf, normal_cdf, normal_isf, normal_loss, normal_mean_excess, normal_pdf, normal_quantile,
    normal_sf,
};
pub use student::{noncentral_t_sf, t_cdf, t_isf, t_sf};

pub(crate) use quadrature::{integrate, nodes};
pub(crate) use solve::root;
