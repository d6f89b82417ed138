//! Long histories in few points: each stretch of the axis keeps its lowest, its highest and its
//! last value, so that neither spikes nor the course are lost.

use mainspring_metadata_store::traits::comparison::{Axis, HistoryExtent, HistoryPoint};
use std::cmp::Ordering;

/// One metric of one run over its axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The place of the run among the runs of the answer.
    pub run: usize,
    /// The metric.
    pub key: String,
    /// How many points were logged.
    pub points: u64,
    /// How many of them were NaN.
    pub nan_points: u64,
    /// Positions, ascending: of each point, or of the last point of each bucket.
    pub x: Vec<i64>,
    /// The values there; NaN stays NaN.
    pub last: Vec<f64>,
    /// The extremes of each bucket, NaN where it holds nothing else. None when each point is shown.
    pub band: Option<Band>,
}

/// The extremes of buckets, NaN apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Band {
    /// The lowest values.
    pub min: Vec<f64>,
    /// The highest values.
    pub max: Vec<f64>,
}

#[derive(Clone, Copy)]
struct Bucket {
    last: Option<HistoryPoint>,
    min: f64,
    max: f64,
}

/// Takes the points of one history in any order.
pub(crate) struct Downsampler {
    axis: Axis,
    extent: HistoryExtent,
    nan_points: u64,
    content: Content,
}

enum Content {
    Points(Vec<HistoryPoint>),
    Buckets(Vec<Bucket>),
}

fn position(axis: Axis, point: &HistoryPoint) -> i64 {
    match axis {
        Axis::Step => point.step,
        Axis::Time => point.time,
    }
}

/// Which of two points is later; at the same place the order is that of a latest value.
fn later(axis: Axis, a: &HistoryPoint, b: &HistoryPoint) -> Ordering {
    position(axis, a)
        .cmp(&position(axis, b))
        .then(a.step.cmp(&b.step))
        .then(a.time.cmp(&b.time))
        .then(a.value.total_cmp(&b.value))
}

impl Downsampler {
    pub(crate) fn new(axis: Axis, extent: HistoryExtent, buckets: usize) -> Self {
        let content = if extent.points <= buckets as u64 {
            Content::Points(Vec::new())
        } else {
            Content::Buckets(vec![Bucket { last: None, min: f64::NAN, max: f64::NAN }; buckets])
        };
        Self { axis, extent, nan_points: 0, content }
    }

    pub(crate) fn add(&mut self, point: HistoryPoint) {
        self.nan_points += u64::from(point.value.is_nan());
        match &mut self.content {
            Content::Points(points) => points.push(point),
            Content::Buckets(buckets) => {
                let place = place(&self.extent, position(self.axis, &point), buckets.len());
                let Some(bucket) = buckets.get_mut(place) else { return };
                // `min` and `max` leave NaN out wherever they have a choice.
                bucket.min = bucket.min.min(point.value);
                bucket.max = bucket.max.max(point.value);
                if bucket.last.is_none_or(|last| later(self.axis, &last, &point).is_lt()) {
                    bucket.last = Some(point);
                }
            }
        }
    }

    pub(crate) fn finish(self, run: usize) -> Series {
        let mut series = Series {
            run,
            key: self.extent.key,
            points: self.extent.points,
            nan_points: self.nan_points,
            x: Vec::new(),
            last: Vec::new(),
            band: None,
        };
        match self.content {
            Content::Points(mut points) => {
                points.sort_by(|a, b| later(self.axis, a, b));
                series.x = points.iter().map(|point| position(self.axis, point)).collect();
                series.last = points.iter().map(|point| point.value).collect();
            }
            Content::Buckets(buckets) => {
                let mut band = Band::default();
                for bucket in buckets {
                    let Some(last) = bucket.last else { continue };
                    series.x.push(position(self.axis, &last));
                    series.last.push(last.value);
                    band.min.push(bucket.min);
                    band.max.push(bucket.max);
                }
                series.band = Some(band);
            }
        }
        series
    }
}

/// The bucket of a position: the stretch from the lowest to the highest in equal parts.
fn place(extent: &HistoryExtent, at: i64, buckets: usize) -> usize {
    let span = i128::from(extent.high) - i128::from(extent.low) + 1;
    let offset = i128::from(at) - i128::from(extent.low);
    let place = offset * i128::try_from(buckets).unwrap_or(i128::MAX) / span.max(1);
    usize::try_from(place).unwrap_or(0).min(buckets.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::{Axis, Band, Downsampler, HistoryExtent, HistoryPoint, Series, place};

    fn point(step: i64, time: i64, value: f64) -> HistoryPoint {
        HistoryPoint { run: 1, metric: 1, step, time, value }
    }

    fn extent(points: u64, low: i64, high: i64) -> HistoryExtent {
        HistoryExtent { run: 1, metric: 1, key: "m".into(), points, low, high }
    }

    fn series(axis: Axis, extent: HistoryExtent, buckets: usize, points: &[HistoryPoint]) -> Series {
        let mut sampler = Downsampler::new(axis, extent, buckets);
        points.iter().for_each(|point| sampler.add(*point));
        sampler.finish(0)
    }

    #[test]
    fn a_short_history_is_exact_and_in_order() {
        let points = [point(2, 5, 20.0), point(1, 9, f64::NAN), point(1, 3, 10.0)];
        let made = series(Axis::Step, extent(3, 1, 2), 3, &points);
        assert_eq!(made.x, [1, 1, 2]);
        assert_eq!(made.last[0].to_bits(), 10.0_f64.to_bits());
        assert!(made.last[1].is_nan());
        assert_eq!((made.points, made.nan_points, made.band), (3, 1, None));
        let made = series(Axis::Time, extent(3, 3, 9), 3, &points);
        assert_eq!(made.x, [3, 5, 9]);
    }

    #[test]
    fn a_long_history_keeps_extremes_and_last_of_each_bucket() {
        let values = [3.0, 9.0, 1.0, 4.0, f64::NAN, 2.0, 8.0, 7.0];
        let mut points: Vec<_> = (0..).zip(values).map(|(step, value)| point(step, step, value)).collect();
        let made = series(Axis::Step, extent(8, 0, 7), 2, &points);
        assert_eq!(made.x, [3, 7]);
        assert_eq!(made.last, [4.0, 7.0]);
        assert_eq!(made.band, Some(Band { min: vec![1.0, 2.0], max: vec![9.0, 8.0] }));
        assert_eq!(made.nan_points, 1);
        // The order in which points come changes nothing.
        points.reverse();
        assert_eq!(series(Axis::Step, extent(8, 0, 7), 2, &points), made);
    }

    #[test]
    fn a_bucket_of_nan_alone_is_nan_and_an_empty_one_is_left_out() {
        let points = [point(0, 0, f64::NAN), point(0, 1, f64::NAN), point(9, 2, 5.0), point(9, 3, 6.0)];
        let made = series(Axis::Step, extent(4, 0, 9), 3, &points);
        assert_eq!(made.x, [0, 9]);
        assert!(made.last[0].is_nan());
        let band = made.band.unwrap();
        assert!(band.min[0].is_nan() && band.max[0].is_nan());
        assert_eq!((band.min[1].to_bits(), band.max[1].to_bits()), (5.0_f64.to_bits(), 6.0_f64.to_bits()));
    }

    #[test]
    fn the_widest_axis_has_a_place_for_every_step() {
        let widest = extent(9, i64::MIN, i64::MAX);
        assert_eq!(place(&widest, i64::MIN, 1000), 0);
        assert_eq!(place(&widest, 0, 1000), 500);
        assert_eq!(place(&widest, i64::MAX, 1000), 999);
        assert_eq!(place(&extent(9, 5, 5), 5, 7), 0);
    }
}
