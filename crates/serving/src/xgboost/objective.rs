//! From the sum of the trees to the prediction, and from the stored intercept to the sum's beginning. The
//! functions are those of XGBoost's `src/objective` and `src/common/math.h`, in single precision.

use crate::boosters::Unread;

/// The least distance of an intercept from 0 and 1 with which no version bounds it (`kRtEps`).
const MARGIN: f32 = 1e-6;

/// How sums become predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Objective {
    Identity,
    /// A margin that stays one.
    Logistic,
    Exponential,
    Hinge,
    Softmax,
    /// The number of the largest.
    Largest,
}

impl Objective {
    /// The objective of a name, for a booster with so many outputs.
    pub(super) fn find(name: &str, outputs: usize) -> Result<Self, Unread> {
        Ok(match name {
            "reg:squarederror"
            | "reg:linear"
            | "reg:squaredlogerror"
            | "reg:pseudohubererror"
            | "reg:absoluteerror"
            | "binary:logitraw"
            | "rank:pairwise"
            | "rank:ndcg"
            | "rank:map" => Self::Identity,
            // Several quantiles are sorted by some versions of the library and left alone by others.
            "reg:quantileerror" if outputs == 1 => Self::Identity,
            "reg:logistic" | "binary:logistic" => Self::Logistic,
            "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
                Self::Exponential
            }
            "binary:hinge" => Self::Hinge,
            "multi:softprob" if outputs > 1 => Self::Softmax,
            "multi:softmax" if outputs > 1 => Self::Largest,
            other => {
                let what = format!("the objective `{other}` with {outputs} outputs");
                return Err(Unread::Unsupported(what));
            }
        })
    }

    /// Where a sum begins whose intercept is stored as it would be predicted.
    pub(super) fn margin(self, intercept: f32) -> Result<f32, Unread> {
        let out_of_range = || Unread::Unsupported(format!("the base score {intercept}"));
        match self {
            Self::Logistic if (2.0 * MARGIN..=1.0 - 2.0 * MARGIN).contains(&intercept) => {
                Ok(-(1.0 / intercept - 1.0).ln())
            }
            Self::Exponential if intercept > 0.0 && intercept.is_finite() => Ok(intercept.ln()),
            Self::Logistic | Self::Exponential => Err(out_of_range()),
            Self::Identity | Self::Hinge | Self::Softmax | Self::Largest if intercept.is_finite() => {
                Ok(intercept)
            }
            Self::Identity | Self::Hinge | Self::Softmax | Self::Largest => Err(out_of_range()),
        }
    }

    /// Makes predictions of sums; some give one for all.
    pub(super) fn convert(self, sums: &mut Vec<f32>) {
        match self {
            Self::Identity => {}
            Self::Logistic => sums.iter_mut().for_each(|sum| *sum = sigmoid(*sum)),
            Self::Exponential => sums.iter_mut().for_each(|sum| *sum = sum.exp()),
            Self::Hinge => sums.iter_mut().for_each(|sum| *sum = if *sum > 0.0 { 1.0 } else { 0.0 }),
            Self::Softmax => softmax(sums),
            Self::Largest => {
                let mut best = 0;
                for (place, sum) in sums.iter().enumerate() {
                    if sums.get(best).is_some_and(|most| sum > most) {
                        best = place;
                    }
                }
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "the library's numbers of classes are such too"
                )]
                let best = best as f32;
                sums.clear();
                sums.push(best);
            }
        }
    }

    /// Numbers of a prediction of so many sums.
    pub(super) const fn outputs(self, sums: usize) -> usize {
        match self {
            Self::Largest => 1,
            _ => sums,
        }
    }
}

/// The bound keeps the exponential finite; what is no number stays none.
fn sigmoid(sum: f32) -> f32 {
    let bounded = if -sum > 88.7 { 88.7 } else { -sum };
    1.0 / (bounded.exp() + 1.0 + 1e-16)
}

/// The total alone is in double precision.
fn softmax(sums: &mut [f32]) {
    let most = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0_f64;
    for sum in sums.iter_mut() {
        *sum = (*sum - most).exp();
        total += f64::from(*sum);
    }
    #[expect(clippy::cast_possible_truncation, reason = "as the library does")]
    let total = total as f32;
    sums.iter_mut().for_each(|sum| *sum /= total);
}

#[cfg(test)]
mod tests {
    use super::Objective;

    fn converted(name: &str, sum: f32) -> f32 {
        let mut sums = vec![sum];
        Objective::find(name, 1).unwrap().convert(&mut sums);
        sums[0]
    }

    #[test]
    fn what_is_no_number_is_no_probability() {
        assert!(converted("binary:logistic", f32::NAN).is_nan());
        assert!(converted("reg:gamma", f32::NAN).is_nan());
        assert!(converted("binary:logistic", f32::NEG_INFINITY) < 1e-38);
    }
}
