//! The sums that gbstats works from.

use serde::Deserialize;

use super::effect::variance_of_ratios;
use crate::special::normal_quantile;

/// Sums of a mean or a proportion.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(from = "SimpleDocument")]
pub struct Simple {
    /// Units.
    pub n: f64,
    /// Sum.
    pub sum: f64,
    /// Sum of squares.
    pub sum_squares: f64,
    /// Whether the variance is p (1 - p).
    pub proportion: bool,
}

#[derive(Deserialize)]
struct SimpleDocument {
    n: f64,
    sum: f64,
    sum_squares: Option<f64>,
}

impl From<SimpleDocument> for Simple {
    fn from(document: SimpleDocument) -> Self {
        let SimpleDocument { n, sum, sum_squares } = document;
        Self { n, sum, sum_squares: sum_squares.unwrap_or(sum), proportion: sum_squares.is_none() }
    }
}

impl Simple {
    pub(super) fn mean(&self) -> f64 {
        if self.n == 0.0 { 0.0 } else { self.sum / self.n }
    }

    pub(super) fn variance(&self) -> f64 {
        if self.proportion {
            self.mean() * (1.0 - self.mean())
        } else if self.n <= 1.0 {
            0.0
        } else {
            (self.sum_squares - self.sum * self.sum / self.n) / (self.n - 1.0)
        }
    }

    /// Both together: a mean, as gbstats adds even proportions.
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            n: self.n + other.n,
            sum: self.sum + other.sum,
            sum_squares: self.sum_squares + other.sum_squares,
            proportion: false,
        }
    }

    /// Both together, of their own kind.
    fn joint(&self, other: &Self) -> Self {
        Self { proportion: self.proportion && other.proportion, ..self.plus(other) }
    }
}

fn covariance(n: f64, left: &Simple, right: &Simple, products: f64) -> f64 {
    if n <= 1.0 {
        0.0
    } else if left.proportion && right.proportion {
        products / n - left.sum * right.sum / (n * n)
    } else {
        (products - left.sum * right.sum / n) / (n - 1.0)
    }
}

/// A ratio of two sums.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Ratio {
    /// Units.
    pub n: f64,
    /// Numerator.
    pub m_statistic: Simple,
    /// Denominator.
    pub d_statistic: Simple,
    /// Sum of their products.
    pub m_d_sum_of_products: f64,
}

impl Ratio {
    pub(super) fn covariance(&self) -> f64 {
        covariance(self.n, &self.m_statistic, &self.d_statistic, self.m_d_sum_of_products)
    }
}

/// A mean with regression adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Adjusted {
    /// Units.
    pub n: f64,
    /// During the experiment.
    pub post_statistic: Simple,
    /// Before it.
    pub pre_statistic: Simple,
    /// Sum of their products.
    pub post_pre_sum_of_products: f64,
    /// Slope, if it is known already.
    pub theta: Option<f64>,
}

impl Adjusted {
    pub(super) fn covariance(&self) -> f64 {
        covariance(self.n, &self.post_statistic, &self.pre_statistic, self.post_pre_sum_of_products)
    }

    pub(super) fn theta(&self) -> f64 {
        self.theta.unwrap_or(0.0)
    }
}

/// A ratio with regression adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "gbstats' own names: numerator m, denominator d, before and during")]
pub struct AdjustedRatio {
    pub n: f64,
    pub m_statistic_post: Simple,
    pub d_statistic_post: Simple,
    pub m_statistic_pre: Simple,
    pub d_statistic_pre: Simple,
    pub m_post_m_pre_sum_of_products: f64,
    pub d_post_d_pre_sum_of_products: f64,
    pub m_pre_d_pre_sum_of_products: f64,
    pub m_post_d_post_sum_of_products: f64,
    pub m_post_d_pre_sum_of_products: f64,
    pub m_pre_d_post_sum_of_products: f64,
    pub theta: Option<f64>,
}

impl AdjustedRatio {
    pub(super) fn unadjusted(&self) -> Ratio {
        Ratio {
            n: self.n,
            m_statistic: self.m_statistic_post,
            d_statistic: self.d_statistic_post,
            m_d_sum_of_products: self.m_post_d_post_sum_of_products,
        }
    }

    fn mean_post(&self) -> f64 {
        ratio(self.m_statistic_post.sum, self.d_statistic_post.sum)
    }

    /// Derivatives by the four means.
    pub(super) fn nabla(&self, theta: f64) -> [f64; 4] {
        let [m, d, m_pre, d_pre] = self.columns().map(Simple::mean);
        if d == 0.0 || d_pre == 0.0 {
            return [0.0; 4];
        }
        [1.0 / d, -m / (d * d), -theta / d_pre, theta * m_pre / (d_pre * d_pre)]
    }

    fn columns(&self) -> [&Simple; 4] {
        [&self.m_statistic_post, &self.d_statistic_post, &self.m_statistic_pre, &self.d_statistic_pre]
    }

    /// Covariance matrix of the four columns.
    pub(super) fn lambda(&self) -> [[f64; 4]; 4] {
        let columns = self.columns();
        let products = [
            [
                0.0,
                self.m_post_d_post_sum_of_products,
                self.m_post_m_pre_sum_of_products,
                self.m_post_d_pre_sum_of_products,
            ],
            [0.0, 0.0, self.m_pre_d_post_sum_of_products, self.d_post_d_pre_sum_of_products],
            [0.0, 0.0, 0.0, self.m_pre_d_pre_sum_of_products],
        ];
        let mut matrix = [[0.0; 4]; 4];
        for i in 0..4 {
            matrix[i][i] = columns[i].variance();
            for j in i + 1..4 {
                matrix[i][j] = covariance(self.n, columns[i], columns[j], products[i][j]);
                matrix[j][i] = matrix[i][j];
            }
        }
        matrix
    }

    pub(super) fn quadratic(&self, left: &[f64; 4], right: &[f64; 4]) -> f64 {
        let matrix = self.lambda();
        (0..4).map(|i| left[i] * (0..4).map(|j| matrix[i][j] * right[j]).sum::<f64>()).sum()
    }
}

/// A quantile with its order statistics.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Quantile {
    /// Events.
    pub n: f64,
    /// Events when the bounds were taken.
    pub n_star: f64,
    /// Level.
    pub nu: f64,
    /// Estimate.
    pub quantile_hat: f64,
    /// Lower bound.
    pub quantile_lower: f64,
    /// Upper bound.
    pub quantile_upper: f64,
}

/// A quantile of events that belong to clusters.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "gbstats' own names")]
pub struct Clustered {
    #[serde(flatten)]
    pub quantile: Quantile,
    pub main_sum: f64,
    pub main_sum_squares: f64,
    pub denominator_sum: f64,
    pub denominator_sum_squares: f64,
    pub main_denominator_sum_product: f64,
    pub n_clusters: f64,
}

impl Quantile {
    fn z() -> f64 {
        normal_quantile(0.975)
    }

    fn initial_variance(&self) -> f64 {
        if self.n <= 1.0 {
            return 0.0;
        }
        let deviation = (self.quantile_upper - self.quantile_lower) / (2.0 * Self::z());
        self.n_star / self.n * (self.n - 1.0) * deviation * deviation
    }

    fn out_of_reach(&self) -> bool {
        let z2 = Self::z() * Self::z();
        self.n <= z2 * self.nu / (1.0 - self.nu) || self.n <= z2 * (1.0 - self.nu) / self.nu
    }

    fn floored(&self, variance: f64) -> f64 {
        if self.n < 100.0 { variance } else { variance.max(1e-5) }
    }
}

impl Clustered {
    fn initial_variance(&self) -> f64 {
        let q = &self.quantile;
        let k = self.n_clusters;
        if q.n <= 1.0 || q.nu == 0.0 || k <= 1.0 || self.denominator_sum <= 0.0 {
            return 0.0;
        }
        let (s, n) = (self.main_sum / k, self.denominator_sum / k);
        let unbiased = |mean_product: f64, product: f64| (mean_product - product) * k / (k - 1.0);
        let ss = unbiased(self.main_sum_squares / k, s * s);
        let nn = unbiased(self.denominator_sum_squares / k, n * n);
        let sn = unbiased(self.main_denominator_sum_product / k, s * n);
        let by_cluster = (ss - 2.0 * s * sn / n + s * s * nn / (n * n)) / (k * n * n);
        q.initial_variance() * by_cluster / (q.nu * (1.0 - q.nu) / q.n)
    }
}

/// What gbstats knows of an arm, by the names of its classes.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(tag = "_type")]
pub enum Statistic {
    /// A mean or a proportion.
    #[serde(rename = "SampleMeanStatistic", alias = "ProportionStatistic")]
    Simple(Simple),
    /// A ratio.
    #[serde(rename = "RatioStatistic")]
    Ratio(Ratio),
    /// A mean with regression adjustment.
    #[serde(rename = "RegressionAdjustedStatistic")]
    Adjusted(Adjusted),
    /// A ratio with regression adjustment.
    #[serde(rename = "RegressionAdjustedRatioStatistic")]
    AdjustedRatio(AdjustedRatio),
    /// A quantile.
    #[serde(rename = "QuantileStatistic")]
    Quantile(Quantile),
    /// A quantile over clusters.
    #[serde(rename = "QuantileClusteredStatistic")]
    Clustered(Clustered),
}

fn ratio(top: f64, bottom: f64) -> f64 {
    if bottom == 0.0 { 0.0 } else { top / bottom }
}

impl Statistic {
    /// Units or events.
    #[must_use]
    pub fn n(&self) -> f64 {
        match self {
            Self::Simple(s) => s.n,
            Self::Ratio(s) => s.n,
            Self::Adjusted(s) => s.n,
            Self::AdjustedRatio(s) => s.n,
            Self::Quantile(s) => s.n,
            Self::Clustered(s) => s.quantile.n,
        }
    }

    /// The estimate.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Adjusted(s) => s.post_statistic.mean() - s.theta() * s.pre_statistic.mean(),
            Self::AdjustedRatio(s) => {
                if s.d_statistic_post.sum == 0.0 || s.d_statistic_pre.sum == 0.0 {
                    return 0.0;
                }
                let before = ratio(s.m_statistic_pre.sum, s.d_statistic_pre.sum);
                s.mean_post() - s.theta.unwrap_or(0.0) * before
            }
            other => other.unadjusted_mean(),
        }
    }

    /// The estimate without adjustment.
    #[must_use]
    pub fn unadjusted_mean(&self) -> f64 {
        match self {
            Self::Simple(s) => s.mean(),
            Self::Ratio(s) => ratio(s.m_statistic.sum, s.d_statistic.sum),
            Self::Adjusted(s) => s.post_statistic.mean(),
            Self::AdjustedRatio(s) => s.mean_post(),
            Self::Quantile(s) => s.quantile_hat,
            Self::Clustered(s) => s.quantile.quantile_hat,
        }
    }

    /// n times the variance of the estimate.
    #[must_use]
    pub fn variance(&self) -> f64 {
        match self {
            Self::Simple(s) => s.variance(),
            Self::Ratio(s) => {
                if s.d_statistic.mean() == 0.0 || s.n <= 1.0 {
                    return 0.0;
                }
                let (m, d) = (&s.m_statistic, &s.d_statistic);
                variance_of_ratios(m.mean(), m.variance(), d.mean(), d.variance(), s.covariance())
            }
            Self::Adjusted(s) => {
                if s.n <= 1.0 {
                    return 0.0;
                }
                let theta = s.theta();
                s.post_statistic.variance() + theta * theta * s.pre_statistic.variance()
                    - 2.0 * theta * s.covariance()
            }
            Self::AdjustedRatio(s) => {
                let nabla = s.nabla(s.theta.unwrap_or(0.0));
                s.quadratic(&nabla, &nabla)
            }
            Self::Quantile(s) => s.floored(s.initial_variance()),
            Self::Clustered(s) => s.quantile.floored(s.initial_variance()),
        }
    }

    pub(super) fn has_no_variance(&self) -> bool {
        match self {
            Self::Quantile(s) => s.out_of_reach() || s.initial_variance() <= 0.0,
            Self::Clustered(s) => s.quantile.out_of_reach() || s.initial_variance() <= 0.0,
            other => other.variance() <= 0.0,
        }
    }

    /// Both together; `None` for different kinds and for quantiles, which do not add up.
    pub(super) fn plus(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Simple(a), Self::Simple(b)) => Self::Simple(a.plus(b)),
            (Self::Ratio(a), Self::Ratio(b)) => Self::Ratio(Ratio {
                n: a.n + b.n,
                m_statistic: a.m_statistic.plus(&b.m_statistic),
                d_statistic: a.d_statistic.plus(&b.d_statistic),
                m_d_sum_of_products: a.m_d_sum_of_products + b.m_d_sum_of_products,
            }),
            (Self::Adjusted(a), Self::Adjusted(b)) => Self::Adjusted(Adjusted {
                n: a.n + b.n,
                post_statistic: a.post_statistic.plus(&b.post_statistic),
                pre_statistic: a.pre_statistic.plus(&b.pre_statistic),
                post_pre_sum_of_products: a.post_pre_sum_of_products + b.post_pre_sum_of_products,
                theta: None,
            }),
            (Self::AdjustedRatio(a), Self::AdjustedRatio(b)) => Self::AdjustedRatio(a.plus(b)),
            _ => return None,
        })
    }
}

impl AdjustedRatio {
    pub(super) fn plus(&self, other: &Self) -> Self {
        let b = other;
        Self {
            n: self.n + b.n,
            m_statistic_post: self.m_statistic_post.plus(&b.m_statistic_post),
            d_statistic_post: self.d_statistic_post.plus(&b.d_statistic_post),
            m_statistic_pre: self.m_statistic_pre.plus(&b.m_statistic_pre),
            d_statistic_pre: self.d_statistic_pre.plus(&b.d_statistic_pre),
            m_post_m_pre_sum_of_products: self.m_post_m_pre_sum_of_products + b.m_post_m_pre_sum_of_products,
            d_post_d_pre_sum_of_products: self.d_post_d_pre_sum_of_products + b.d_post_d_pre_sum_of_products,
            m_pre_d_pre_sum_of_products: self.m_pre_d_pre_sum_of_products + b.m_pre_d_pre_sum_of_products,
            m_post_d_post_sum_of_products: self.m_post_d_post_sum_of_products
                + b.m_post_d_post_sum_of_products,
            m_post_d_pre_sum_of_products: self.m_post_d_pre_sum_of_products + b.m_post_d_pre_sum_of_products,
            m_pre_d_post_sum_of_products: self.m_pre_d_post_sum_of_products + b.m_pre_d_post_sum_of_products,
            theta: None,
        }
    }
}

/// The pair with the slope that both arms together give; without a slope unadjusted.
pub(super) fn with_theta(a: &Statistic, b: &Statistic) -> (Statistic, Statistic) {
    match (a, b) {
        (Statistic::Adjusted(x), Statistic::Adjusted(y)) if x.theta.is_none() || y.theta.is_none() => {
            let (post, pre) =
                (x.post_statistic.joint(&y.post_statistic), x.pre_statistic.joint(&y.pre_statistic));
            let products = x.post_pre_sum_of_products + y.post_pre_sum_of_products;
            let theta = if pre.variance() == 0.0 || post.variance() == 0.0 {
                0.0
            } else {
                covariance(x.n + y.n, &post, &pre, products) / pre.variance()
            };
            if theta == 0.0 {
                return (Statistic::Simple(x.post_statistic), Statistic::Simple(y.post_statistic));
            }
            let with = |arm: &Adjusted| Statistic::Adjusted(Adjusted { theta: Some(theta), ..*arm });
            (with(x), with(y))
        }
        (Statistic::AdjustedRatio(x), Statistic::AdjustedRatio(y))
            if x.theta.is_none() || y.theta.is_none() =>
        {
            let of = |arm: &AdjustedRatio| {
                let [m, d, m_pre, d_pre] = arm.nabla(1.0);
                let (now, before) = ([m, d, 0.0, 0.0], [0.0, 0.0, m_pre, d_pre]);
                (arm.quadratic(&before, &now), arm.quadratic(&before, &before))
            };
            let ((cov_x, var_x), (cov_y, var_y)) = (of(x), of(y));
            let theta = if var_x + var_y == 0.0 { 0.0 } else { -(cov_x + cov_y) / (var_x + var_y) };
            if theta.abs() < 1e-8 {
                return (Statistic::Ratio(x.unadjusted()), Statistic::Ratio(y.unadjusted()));
            }
            let with =
                |arm: &AdjustedRatio| Statistic::AdjustedRatio(AdjustedRatio { theta: Some(theta), ..*arm });
            (with(x), with(y))
        }
        _ => (*a, *b),
    }
}
