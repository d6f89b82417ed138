import { memo, useMemo } from 'react';
import { LineChart } from '../charts/LineChart';
import { plural, whole } from '../components/format';
import type { ChartLook } from './ChartTools';
import { type Courses, linesOf, remark } from './courses';
import type { Frame } from './frame';

interface MetricChartProps {
  metric: string;
  courses: Courses;
  frame: Frame;
  look: ChartLook;
  colourOf: (run: number) => number;
  focus: string | null;
}

/** One metric over steps or time, with its name and what is not seen of it. */
export const MetricChart = memo(function MetricChart({ metric, courses, frame, look, colourOf, focus }: MetricChartProps) {
  const lines = useMemo(() => linesOf(courses, metric, frame, colourOf), [courses, metric, frame, colourOf]);
  const { points, nan, ranged } = remark(courses.histories, metric);
  return (
    <figure className="card metric-chart">
      <figcaption>
        <h3 title={metric}>{metric}</h3>
        <span title={ranged ? 'The band goes from the lowest to the highest value of each stretch' : undefined}>
          {plural(points, 'point')}
          {ranged && ', with their range'}
          {nan > 0 && <strong className="nan"> · {whole(nan)} NaN</strong>}
        </span>
      </figcaption>
      {lines.length > 0 ? (
        <LineChart summary={`${metric} of ${lines.length === 1 ? 'the run' : `${lines.length} runs`}`} lines={lines} axis={courses.axis} smoothing={look.smoothing} log={look.log} outliers={look.outliers} focus={focus} />
      ) : (
        <p className="no-course">Nothing was logged.</p>
      )}
    </figure>
  );
});
