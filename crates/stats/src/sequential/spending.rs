//! Group-sequential boundaries by alpha spending (Lan and DeMets 1983): the most power where the
//! horizon is known and looks are few.

use libm::{pow, sqrt};
use serde::{Deserialize, Serialize};

use crate::error::{Parameter, Undecided, positive, probability};
use crate::special::{nodes, normal_isf, normal_pdf, normal_sf, root};

/// Looks at most.
pub const MAX_LOOKS: usize = 200;

/// Below this much error to spend at a look the boundary is [`FAR`].
const NOTHING: f64 = 1e-15;
/// A z that nothing reaches.
const FAR: f64 = 8.0;
/// Standard deviations of a step beyond which it does not lead.
const NEAR: f64 = 9.0;

/// How the error is spent over the information.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spending {
    /// alpha t^phi.
    Power(#[serde(with = "crate::exact")] f64),
    /// As O'Brien and Fleming's boundaries spend: little at first.
    OBrienFleming,
}

impl Spending {
    /// Error spent up to the information fraction `t`.
    fn spent(self, t: f64, alpha: f64, two_sided: bool) -> f64 {
        match self {
            Self::Power(phi) => alpha * pow(t, phi),
            Self::OBrienFleming => {
                let sides = if two_sided { 2.0 } else { 1.0 };
                let z = normal_isf(0.5 * alpha / sides);
                (2.0 * sides * normal_sf(z / sqrt(t))).min(alpha)
            }
        }
    }
}

/// The z at which to stop at each look, at these information fractions (units seen of units planned).
/// The last need not be 1: further looks may follow, at fractions that were not known before.
///
/// By recursive integration (Armitage, McPherson and Rowe 1969) with Gauss-Legendre nodes; exact to
/// about 1e-9 in probability.
///
/// # Errors
///
/// [`Undecided::Parameter`] for values out of range, fractions that do not rise within (0, 1], and more
/// than [`MAX_LOOKS`].
pub fn boundaries(
    fractions: &[f64],
    spending: Spending,
    alpha: f64,
    two_sided: bool,
) -> Result<Vec<f64>, Undecided> {
    probability(alpha)?;
    if let Spending::Power(phi) = spending {
        positive(phi)?;
    }
    if fractions.len() > MAX_LOOKS {
        return Err(Undecided::Parameter(Parameter::TooMany));
    }
    let rises = fractions.windows(2).all(|pair| pair[0] < pair[1]);
    let inside = fractions.iter().all(|t| *t > 0.0 && *t <= 1.0);
    if !rises || !inside {
        return Err(Undecided::Parameter(Parameter::Fractions));
    }
    let sides = if two_sided { 2.0 } else { 1.0 };
    let mut bounds = Vec::with_capacity(fractions.len());
    // Where the score still is, with the probability of each place; before the first look at zero.
    let mut alive = vec![(0.0, 1.0)];
    let (mut before, mut spent) = (0.0, 0.0);
    for t in fractions {
        let spend = spending.spent(*t, alpha, two_sided) - spent;
        spent += spend;
        let deviation = sqrt(t - before);
        let crossing = |z: f64| -> f64 {
            let bound = z * sqrt(*t);
            alive.iter().map(|(s, mass)| mass * normal_sf((bound - s) / deviation)).sum()
        };
        let z = if spend / sides <= NOTHING { FAR } else { root(|z| crossing(z) - spend / sides, -FAR, FAR) };
        if z.is_nan() {
            return Err(Undecided::NotFinite);
        }
        bounds.push(z);
        alive = survivors(&alive, z, *t, deviation, two_sided);
        before = *t;
    }
    Ok(bounds)
}

/// The distribution of the score among those that have not crossed.
fn survivors(alive: &[(f64, f64)], z: f64, t: f64, deviation: f64, two_sided: bool) -> Vec<(f64, f64)> {
    let high = z * sqrt(t);
    let low = if two_sided { -high } else { -FAR * sqrt(t) };
    // Twenty nodes resolve four standard deviations of a step.
    let panels = (((high - low) / (4.0 * deviation)) as u32).clamp(2, 400) + 1;
    nodes(low, high, panels)
        .into_iter()
        .map(|(s, weight)| {
            let near = |(from, _): &&(f64, f64)| (s - from).abs() < NEAR * deviation;
            let density: f64 =
                alive.iter().filter(near).map(|(from, mass)| mass * normal_pdf((s - from) / deviation)).sum();
            (s, weight * density / deviation)
        })
        .collect()
}
