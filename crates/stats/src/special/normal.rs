//! The standard normal distribution.

use std::f64::consts::{PI, SQRT_2};

use libm::{erfc, exp, log, sqrt};

/// ln sqrt(2 pi)
const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

/// P(Z <= x) of the standard normal.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / SQRT_2)
}

/// P(Z > x) of the standard normal.
#[must_use]
pub fn normal_sf(x: f64) -> f64 {
    0.5 * erfc(x / SQRT_2)
}

/// The density of the standard normal.
#[must_use]
pub fn normal_pdf(x: f64) -> f64 {
    exp(-0.5 * x * x) / sqrt(2.0 * PI)
}

/// ln P(Z > x), to the ends of the range of `x`, where [`normal_sf`] is zero.
#[must_use]
pub fn ln_normal_sf(x: f64) -> f64 {
    if x < 30.0 {
        return log(normal_sf(x));
    }
    -0.5 * x * x - LN_SQRT_2PI - log(x) + log(1.0 - upper_series(x))
}

/// E[Z - x | Z > x], to any `x` without cancellation.
#[must_use]
pub fn normal_mean_excess(x: f64) -> f64 {
    if x < 30.0 {
        return normal_pdf(x) / normal_sf(x) - x;
    }
    let rest = upper_series(x);
    x * rest / (1.0 - rest)
}

/// E[max(Z - x, 0)].
#[must_use]
pub fn normal_loss(x: f64) -> f64 {
    if x < 30.0 { normal_pdf(x) - x * normal_sf(x) } else { normal_pdf(x) * upper_series(x) }
}

/// 1 - x P(Z > x) / density = 1/x^2 - 3/x^4 + 15/x^6 - ..., for large x.
fn upper_series(x: f64) -> f64 {
    let r = 1.0 / (x * x);
    r * (1.0 - r * (3.0 - r * (15.0 - r * (105.0 - r * 945.0))))
}

/// The x with P(Z > x) = `p`; NaN outside [0, 1].
#[must_use]
pub fn normal_isf(p: f64) -> f64 {
    -normal_quantile(p)
}

/// The x with P(Z <= x) = `p`; NaN outside [0, 1]. Wichura's algorithm AS 241 (PPND16).
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE_TOP, &CENTRE_BOTTOM);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail == 0.0 {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let r = sqrt(-log(tail));
    let x = if r <= 5.0 {
        ratio(r - 1.6, &MIDDLE_TOP, &MIDDLE_BOTTOM)
    } else {
        ratio(r - 5.0, &FAR_TOP, &FAR_BOTTOM)
    };
    if q < 0.0 { -x } else { x }
}

/// Quotient of two polynomials, coefficients from the constant up.
fn ratio(r: f64, top: &[f64; 8], bottom: &[f64; 8]) -> f64 {
    let value = |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * r + c);
    value(top) / value(bottom)
}

const CENTRE_TOP: [f64; 8] = [
    3.387_132_872_796_366_5,
    133.141_667_891_784_38,
    1_971.590_950_306_551_3,
    13_731.693_765_509_46,
    45_921.953_931_549_87,
    67_265.770_927_008_7,
    33_430.575_583_588_13,
    2_509.080_928_730_122_7,
];
const CENTRE_BOTTOM: [f64; 8] = [
    1.0,
    42.313_330_701_600_91,
    687.187_007_492_057_9,
    5_394.196_021_424_751,
    21_213.794_301_586_597,
    39_307.895_800_092_71,
    28_729.085_735_721_943,
    5_226.495_278_852_854,
];
const MIDDLE_TOP: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    0.241_780_725_177_450_6,
    0.022_723_844_989_269_184,
    0.000_774_545_014_278_341_4,
];
const MIDDLE_BOTTOM: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    0.689_767_334_985_1,
    0.148_103_976_427_480_08,
    0.015_198_666_563_616_457,
    0.000_547_593_808_499_534_5,
    1.050_750_071_644_416_9e-9,
];
const FAR_TOP: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    0.296_560_571_828_504_87,
    0.026_532_189_526_576_124,
    0.001_242_660_947_388_078_4,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const FAR_BOTTOM: [f64; 8] = [
    1.0,
    0.599_832_206_555_888,
    0.136_929_880_922_735_8,
    0.014_875_361_290_850_615,
    0.000_786_869_131_145_613_3,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_7e-15,
];
