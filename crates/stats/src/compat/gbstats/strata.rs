//! Post-stratification of counts and ratios, with and without regression adjustment.

use libm::sqrt;

use super::effect::{EffectMoments, of_pair, summed};
use super::matrix::{Matrix, dot, form, inverse, times};
use super::statistic::{Adjusted, AdjustedRatio, Ratio, Simple, Statistic, with_theta};
use super::{NO_VARIANCE, ZERO_BASELINE};
use crate::error::Undecided;

const SINGULAR: &str = "Matrix is not positive-definite";

/// One cell, by the kind of its metric.
#[derive(Debug, Clone, PartialEq)]
pub enum StrataResult {
    /// A mean.
    Count(StrataCount),
    /// A ratio.
    Ratio(StrataRatio),
}

/// gbstats' `StrataResultCount`: control mean and effect, and n times their covariance matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct StrataCount {
    /// Units.
    pub n: f64,
    /// Control mean, effect.
    pub mean: [f64; 2],
    /// Their covariances.
    pub covariance: [[f64; 2]; 2],
    /// Why there is no result.
    pub error_message: Option<String>,
}

/// gbstats' `StrataResultRatio`: numerator's control mean and effect, then the denominator's.
#[derive(Debug, Clone, PartialEq)]
pub struct StrataRatio {
    /// Units.
    pub n: f64,
    /// The four means.
    pub mean: [f64; 4],
    /// Their covariances.
    pub covariance: [[f64; 4]; 4],
    /// Why there is no result.
    pub error_message: Option<String>,
}

fn refused_count(message: &str) -> StrataResult {
    let error_message = Some(message.to_owned());
    StrataResult::Count(StrataCount { n: 0.0, mean: [0.0; 2], covariance: [[0.0; 2]; 2], error_message })
}

fn refused_ratio(message: &str) -> StrataResult {
    let error_message = Some(message.to_owned());
    StrataResult::Ratio(StrataRatio { n: 0.0, mean: [0.0; 4], covariance: [[0.0; 4]; 4], error_message })
}

/// gbstats' `CreateStrataResult` of one cell, by the kind of its statistics.
///
/// # Errors
///
/// [`Undecided::Lengths`] for kinds that differ or quantiles.
pub fn strata_result(a: &Statistic, b: &Statistic) -> Result<StrataResult, Undecided> {
    let empty = a.has_no_variance() || b.has_no_variance();
    Ok(match (a, b) {
        (Statistic::Simple(_), Statistic::Simple(_)) | (Statistic::Adjusted(_), Statistic::Adjusted(_))
            if empty =>
        {
            refused_count(NO_VARIANCE)
        }
        (Statistic::Simple(a), Statistic::Simple(b)) => count(a, b),
        (Statistic::Adjusted(a), Statistic::Adjusted(b)) => {
            if a.pre_statistic.variance() <= 0.0 || b.pre_statistic.variance() <= 0.0 {
                let plain = |arm: &Adjusted| Simple { n: arm.n, proportion: false, ..arm.post_statistic };
                count(&plain(a), &plain(b))
            } else {
                adjusted_count(a, b)
            }
        }
        (Statistic::Ratio(_), Statistic::Ratio(_)) if empty => refused_ratio(NO_VARIANCE),
        (Statistic::Ratio(a), Statistic::Ratio(b)) => ratio(a, b),
        (Statistic::AdjustedRatio(x), Statistic::AdjustedRatio(y)) => {
            if without_baseline(x) || without_baseline(y) {
                let (x, y) = (x.unadjusted(), y.unadjusted());
                return strata_result(&Statistic::Ratio(x), &Statistic::Ratio(y));
            }
            if empty { refused_ratio(NO_VARIANCE) } else { adjusted_ratio(x, y) }
        }
        _ => return Err(Undecided::Lengths),
    })
}

fn without_baseline(arm: &AdjustedRatio) -> bool {
    arm.m_statistic_pre.variance() <= 0.0 || arm.d_statistic_pre.variance() <= 0.0
}

fn count(a: &Simple, b: &Simple) -> StrataResult {
    let n = a.n + b.n;
    let (control, treated) = (a.variance() * n / a.n, b.variance() * n / b.n);
    StrataResult::Count(StrataCount {
        n,
        mean: [a.mean(), b.mean() - a.mean()],
        covariance: [[control, -control], [-control, treated + control]],
        error_message: None,
    })
}

fn ratio(a: &Ratio, b: &Ratio) -> StrataResult {
    let n = a.n + b.n;
    let lambda = |arm: &Ratio| {
        let scale = n / arm.n;
        let covariance = arm.covariance() * scale;
        [[arm.m_statistic.variance() * scale, covariance], [covariance, arm.d_statistic.variance() * scale]]
    };
    let (of_a, of_b) = (lambda(a), lambda(b));
    let means = |arm: &Ratio| [arm.m_statistic.mean(), arm.d_statistic.mean()];
    let (at_a, at_b) = (means(a), means(b));
    // Rows: numerator's control and effect, denominator's control and effect.
    let mut covariance = [[0.0; 4]; 4];
    for i in 0..2 {
        for j in 0..2 {
            covariance[2 * i][2 * j] = of_a[i][j];
            covariance[2 * i][2 * j + 1] = -of_a[i][j];
            covariance[2 * i + 1][2 * j] = -of_a[i][j];
            covariance[2 * i + 1][2 * j + 1] = of_b[i][j] + of_a[i][j];
        }
    }
    let mean = [at_a[0], at_b[0] - at_a[0], at_a[1], at_b[1] - at_a[1]];
    StrataResult::Ratio(StrataRatio { n, mean, covariance, error_message: None })
}

fn adjusted_count(a: &Adjusted, b: &Adjusted) -> StrataResult {
    let n = a.n + b.n;
    let pre = a.pre_statistic.plus(&b.pre_statistic);
    let sum_b = b.pre_statistic.sum;
    let design = vec![vec![n, b.n, pre.sum], vec![b.n, b.n, sum_b], vec![pre.sum, sum_b, pre.sum_squares]];
    let Some(inverted) = inverse(&design) else { return refused_count(SINGULAR) };
    let outcome = [
        a.post_statistic.sum + b.post_statistic.sum,
        b.post_statistic.sum,
        a.post_pre_sum_of_products + b.post_pre_sum_of_products,
    ];
    let coefficients = times(&inverted, &outcome);
    let squares = a.post_statistic.sum_squares + b.post_statistic.sum_squares;
    let sigma = (squares - form(&inverted, &outcome, &outcome)) / (n - 3.0);
    let contrasts = [[1.0, 0.0, pre.mean()], [0.0, 1.0, 0.0]];
    let mut covariance = [[0.0; 2]; 2];
    for i in 0..2 {
        for j in 0..2 {
            covariance[i][j] = n * sigma * form(&inverted, &contrasts[i], &contrasts[j]);
        }
    }
    let slope = coefficients[2];
    covariance[0][0] += pre.variance() * (sigma * inverted[2][2] + slope * slope);
    let mean = contrasts.map(|contrast| dot(&contrast, &coefficients));
    StrataResult::Count(StrataCount { n, mean, covariance, error_message: None })
}

fn adjusted_ratio(a: &AdjustedRatio, b: &AdjustedRatio) -> StrataResult {
    let n = a.n + b.n;
    let all = a.plus(b);
    let (m, d) = (&all.m_statistic_pre, &all.d_statistic_pre);
    let (m_b, d_b) = (b.m_statistic_pre.sum, b.d_statistic_pre.sum);
    let products = all.m_pre_d_pre_sum_of_products;
    let design: Matrix = vec![
        vec![n, b.n, m.sum, d.sum],
        vec![b.n, b.n, m_b, d_b],
        vec![m.sum, m_b, m.sum_squares, products],
        vec![d.sum, d_b, products, d.sum_squares],
    ];
    let Some(inverted) = inverse(&design) else { return refused_ratio(SINGULAR) };
    let numerator = [
        all.m_statistic_post.sum,
        b.m_statistic_post.sum,
        all.m_post_m_pre_sum_of_products,
        all.m_post_d_pre_sum_of_products,
    ];
    let denominator = [
        all.d_statistic_post.sum,
        b.d_statistic_post.sum,
        all.m_pre_d_post_sum_of_products,
        all.d_post_d_pre_sum_of_products,
    ];
    let gamma = [times(&inverted, &numerator), times(&inverted, &denominator)];
    let rest =
        |seen: f64, left: &[f64; 4], right: &[f64; 4]| (seen - form(&inverted, left, right)) / (n - 6.0);
    let between = rest(all.m_post_d_post_sum_of_products, &numerator, &denominator);
    let sigma = [
        [rest(all.m_statistic_post.sum_squares, &numerator, &numerator), between],
        [between, rest(all.d_statistic_post.sum_squares, &denominator, &denominator)],
    ];
    let contrasts = [[1.0, 0.0, m.mean(), d.mean()], [0.0, 1.0, 0.0, 0.0]];
    let lambda = all.lambda();
    let baseline = [[m.variance(), lambda[2][3]], [lambda[2][3], d.variance()]];
    let mut mean = [0.0; 4];
    let mut covariance = [[0.0; 4]; 4];
    for i in 0..4 {
        mean[i] = dot(&contrasts[i % 2], &gamma[i / 2]);
        for j in 0..4 {
            let (left, right) = (i / 2, j / 2);
            covariance[i][j] = n * sigma[left][right] * form(&inverted, &contrasts[i % 2], &contrasts[j % 2]);
            if i % 2 == 0 && j % 2 == 0 {
                for (row, line) in baseline.iter().enumerate() {
                    for (column, value) in line.iter().enumerate() {
                        let of_slopes = sigma[left][right] * inverted[2 + row][2 + column];
                        covariance[i][j] +=
                            value * (of_slopes + gamma[left][2 + row] * gamma[right][2 + column]);
                    }
                }
            }
        }
    }
    StrataResult::Ratio(StrataRatio { n, mean, covariance, error_message: None })
}

/// gbstats' `EffectMomentsPostStratification` of cells (control, treatment).
///
/// # Errors
///
/// [`Undecided::TooFew`] without cells, [`Undecided::Lengths`] for cells that cannot be added.
pub fn post_stratified(cells: &[(Statistic, Statistic)], relative: bool) -> Result<EffectMoments, Undecided> {
    let cells = without_empty_baseline(cells)?;
    let (a, b) = summed(&cells)?;
    if a.has_no_variance() || b.has_no_variance() {
        return Ok(EffectMoments::refused(NO_VARIANCE, true));
    }
    if a.mean() == 0.0 || a.unadjusted_mean() == 0.0 {
        return Ok(EffectMoments::refused(ZERO_BASELINE, true));
    }
    let cells = combined(cells)?;
    if let [(a, b)] = cells.as_slice() {
        let (a, b) = with_theta(a, b);
        return Ok(of_pair(&a, &b, relative));
    }
    let mut counts = Vec::new();
    let mut ratios = Vec::new();
    for (a, b) in &cells {
        let refused = match strata_result(a, b)? {
            StrataResult::Count(cell) => {
                let message = cell.error_message.clone();
                counts.push((cell.n, cell.mean, cell.covariance));
                message
            }
            StrataResult::Ratio(cell) => {
                let message = cell.error_message.clone();
                ratios.push((cell.n, cell.mean, cell.covariance));
                message
            }
        };
        if let Some(message) = refused {
            return Ok(EffectMoments::refused(&message, true));
        }
    }
    Ok(if ratios.is_empty() {
        summary_of_counts(&counts, relative)
    } else {
        summary_of_ratios(&ratios, relative)
    })
}

/// Without adjustment where an arm's baseline does not vary over all cells.
fn without_empty_baseline(
    cells: &[(Statistic, Statistic)],
) -> Result<Vec<(Statistic, Statistic)>, Undecided> {
    let plain: fn(&Statistic) -> Statistic = match summed(cells)? {
        (Statistic::Adjusted(a), Statistic::Adjusted(b))
            if a.pre_statistic.variance() <= 0.0 || b.pre_statistic.variance() <= 0.0 =>
        {
            |arm| {
                if let Statistic::Adjusted(arm) = arm { Statistic::Simple(arm.post_statistic) } else { *arm }
            }
        }
        (Statistic::AdjustedRatio(a), Statistic::AdjustedRatio(b))
            if without_baseline(&a) || without_baseline(&b) =>
        {
            |arm| {
                if let Statistic::AdjustedRatio(arm) = arm {
                    Statistic::Ratio(arm.unadjusted())
                } else {
                    *arm
                }
            }
        }
        _ => |arm| *arm,
    };
    Ok(cells.iter().map(|(a, b)| (plain(a), plain(b))).collect())
}

/// Largest cell first; cells that cannot be judged are put to it.
fn combined(mut cells: Vec<(Statistic, Statistic)>) -> Result<Vec<(Statistic, Statistic)>, Undecided> {
    let size = |cell: &(Statistic, Statistic)| cell.0.n() + cell.1.n();
    cells.sort_by(|left, right| size(right).total_cmp(&size(left)));
    let viable = |cell: &(Statistic, Statistic)| {
        let ratio = [&cell.0, &cell.1].iter().any(|arm| matches!(arm, Statistic::AdjustedRatio(_)));
        !(cell.0.has_no_variance() || cell.1.has_no_variance() || ratio && size(cell) <= 6.0)
    };
    let mut rest = cells.into_iter();
    let mut kept = vec![rest.next().ok_or(Undecided::TooFew)?];
    for cell in rest {
        if viable(&cell) {
            kept.push(cell);
        } else {
            let (a, b) = kept[0];
            let kinds = Undecided::Lengths;
            kept[0] = (a.plus(&cell.0).ok_or(kinds)?, b.plus(&cell.1).ok_or(kinds)?);
        }
    }
    Ok(kept)
}

/// Units, means and covariances of a cell.
type Cell<const K: usize> = (f64, [f64; K], [[f64; K]; K]);

/// Means weighted by the cells' sizes, and their covariance, in which the sizes are multinomial.
fn weighted<const K: usize>(cells: &[Cell<K>]) -> Cell<K> {
    let total: f64 = cells.iter().map(|cell| cell.0).sum();
    let mut mean = [0.0; K];
    for (n, means, _) in cells {
        for (sum, value) in mean.iter_mut().zip(means) {
            *sum += n / total * value;
        }
    }
    let mut covariance = [[0.0; K]; K];
    for (n, means, own) in cells {
        let share = n / total;
        for i in 0..K {
            for j in 0..K {
                let between = (means[i] - mean[i]) * (means[j] - mean[j]);
                covariance[i][j] += share * (between + own[i][j]) / total;
            }
        }
    }
    (total, mean, covariance)
}

fn summary<const K: usize>(cell: &Cell<K>, nabla: &[f64; K], estimate: f64, baseline: f64) -> EffectMoments {
    let (total, _, covariance) = cell;
    let variance: f64 = nabla.iter().zip(covariance).map(|(slope, row)| slope * dot(row, nabla)).sum();
    if variance <= 0.0 {
        return EffectMoments::refused(NO_VARIANCE, true);
    }
    if baseline == 0.0 {
        return EffectMoments::refused(ZERO_BASELINE, true);
    }
    EffectMoments {
        point_estimate: estimate,
        standard_error: sqrt(variance),
        pairwise_sample_size: *total,
        error_message: None,
        post_stratification_applied: true,
    }
}

fn summary_of_counts(cells: &[Cell<2>], relative: bool) -> EffectMoments {
    let all = weighted(cells);
    let [control, effect] = all.1;
    let (nabla, estimate) = match (relative, control == 0.0) {
        (false, _) => ([0.0, 1.0], effect),
        (true, true) => ([0.0; 2], 0.0),
        (true, false) => ([-effect / (control * control), 1.0 / control], effect / control.abs()),
    };
    summary(&all, &nabla, estimate, control)
}

fn summary_of_ratios(cells: &[Cell<4>], relative: bool) -> EffectMoments {
    let all = weighted(cells);
    let [m, dm, d, dd] = all.1;
    let (m_b, d_b) = (m + dm, d + dd);
    let baseline = if d == 0.0 { 0.0 } else { m / d };
    if !relative {
        if d == 0.0 || d_b == 0.0 {
            return summary(&all, &[0.0; 4], 0.0, baseline);
        }
        let treated = -m_b / (d_b * d_b);
        let nabla = [1.0 / d_b - 1.0 / d, 1.0 / d_b, treated + m / (d * d), treated];
        return summary(&all, &nabla, m_b / d_b - m / d, baseline);
    }
    let (top, bottom) = (d * m_b, m * d_b);
    if m == 0.0 || bottom == 0.0 {
        return summary(&all, &[0.0; 4], 0.0, baseline);
    }
    let nabla = [
        (d * bottom - d_b * top) / (bottom * bottom),
        d / bottom,
        (m_b * bottom - m * top) / (bottom * bottom),
        -top / (m * d_b * d_b),
    ];
    summary(&all, &nabla, (top / bottom - 1.0) * baseline.signum(), baseline)
}
