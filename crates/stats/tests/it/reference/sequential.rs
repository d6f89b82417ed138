//! Cases of confseq and of alpha spending.

use mainspring_stats::sequential::asymptotic::{Sequence, Sides};
use mainspring_stats::sequential::bounded::{Betting, bernstein_lower};
use mainspring_stats::sequential::mixture::{Kind, Mixture, stitched_bound};
use mainspring_stats::sequential::spending::{Spending, boundaries};
use serde_json::{Map, Value};

use super::{named, number, numbers, pair, shown};

pub(super) fn measure(method: &str, input: &Value) -> Option<Map<String, Value>> {
    let n = |name: &str| number(&input[name]);
    Some(match method {
        "gb_sequential_rho" => {
            let two = Sequence::narrowest_at(n("alpha"), n("tuning"), Sides::Two).unwrap();
            let one = Sequence::narrowest_at(n("alpha"), n("tuning"), Sides::One).unwrap();
            let mut values = named(&[("rho_two_sided", two.rho()), ("rho_one_sided", one.rho())]);
            let widths: Map<String, Value> = [10.0_f64, 1e3, 1e6]
                .into_iter()
                .map(|units| (units.to_string(), shown(two.half_width((1.0 / units).sqrt(), units))))
                .collect();
            values.insert("halfwidth_s2_1".into(), widths.into());
            values
        }
        "lan_demets_power_spending" => {
            let two_sided = n("sides") == 2.0;
            let z =
                boundaries(&numbers(&input["t"]), Spending::Power(n("phi")), n("alpha"), two_sided).unwrap();
            [("zb".to_owned(), z.into_iter().map(shown).collect())].into_iter().collect()
        }
        "confseq_normal_mixture" => {
            let (v, alpha) = (n("v"), n("alpha"));
            let of = |kind| {
                Mixture::narrowest_at(kind, n("v_opt"), n("alpha_opt")).unwrap().bound(v, alpha).unwrap()
            };
            named(&[
                ("two_sided_bound", of(Kind::TwoSidedNormal)),
                ("one_sided", of(Kind::OneSidedNormal)),
                ("gamma_exp_c1", of(Kind::GammaExponential(1.0))),
                ("poly_stitching", stitched_bound(v, alpha, 10.0, 0.0).unwrap()),
            ])
        }
        "confseq_normal_log_mixture" => {
            let mixture = Mixture::narrowest_at(Kind::TwoSidedNormal, n("v_opt"), n("alpha_opt")).unwrap();
            named(&[("log_martingale_two_sided", mixture.log_value(n("s"), n("v")))])
        }
        "confseq_bounded_mean" => {
            let (x, alpha) = (numbers(&input["x"]), n("alpha"));
            let mut betting = Betting::new(alpha).unwrap();
            let (mut bets, mut bernstein) = (Vec::new(), Vec::new());
            for (index, value) in x.iter().enumerate() {
                betting.push(*value).unwrap();
                if [50, 100, 300].contains(&(index + 1)) {
                    bets.push(pair(betting.interval()));
                    // The peer halves the level twice.
                    let lower = |values: &[f64]| bernstein_lower(values, 25.0, alpha / 4.0).unwrap();
                    let mirrored: Vec<f64> = x[..=index].iter().map(|x| 1.0 - x).collect();
                    bernstein
                        .push(Value::Array(vec![shown(lower(&x[..=index])), shown(1.0 - lower(&mirrored))]));
                }
            }
            [("betting_at_50_100_300", bets), ("empbern_conjmix_at_50_100_300", bernstein)]
                .into_iter()
                .map(|(name, values)| (name.to_owned(), Value::Array(values)))
                .collect()
        }
        _ => return None,
    })
}
