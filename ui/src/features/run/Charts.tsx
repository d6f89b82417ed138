import { useMemo, useState } from 'react';
import { usePollQuery } from '../../api/poll';
import { COMPARE, type CompareRequest, type Comparison, NO_COLUMNS } from '../../api/tracking';
import { useParam } from '../../app/router';
import { Empty } from '../../components/Card';
import { plural } from '../../components/format';
import { RefusedNote } from '../../components/Page';
import { ChartTools, useChartLook } from '../../runs/ChartTools';
import { BUCKETS, useCourses } from '../../runs/courses';
import type { Frame } from '../../runs/frame';
import { MetricChart } from '../../runs/MetricChart';

/** Charts that are drawn at first; more on demand, as a run may have hundreds of metrics. */
const AT_ONCE = 24;

const ONE_COLOUR = () => 0;

/** The course of each metric of one run. */
export function Charts({ run, metrics, everyMs }: { run: Frame; metrics: string[]; everyMs: number }) {
  const look = useChartLook();
  const [text, setText] = useParam('q');
  const [many, setMany] = useState(AT_ONCE);
  const found = useMemo(() => metrics.filter((metric) => metric.toLowerCase().includes((text ?? '').toLowerCase())), [metrics, text]);
  const drawn = useMemo(() => found.slice(0, many), [found, many]);
  const request: CompareRequest = {
    run_ids: run.ids,
    columns: NO_COLUMNS,
    history: { metrics: drawn, axis: look.axis, buckets: BUCKETS },
  };
  const asked = usePollQuery<Comparison>(COMPARE, drawn.length > 0 ? request : null, everyMs);
  const courses = useCourses(asked.data, look.axis);
  return (
    <>
      <div className="filters charts-filters">
        <input type="search" aria-label="Search metrics" placeholder="Search metrics…" value={text ?? ''} onChange={(event) => setText(event.target.value)} />
        <ChartTools look={look} />
      </div>
      {asked.refused && <RefusedNote refused={asked.refused} />}
      {found.length === 0 && <Empty title="No metric fits" />}
      {courses && (
        <div className="chart-grid" data-count={drawn.length}>
          {drawn.map((metric) => (
            <MetricChart key={metric} metric={metric} courses={courses} frame={run} look={look} colourOf={ONE_COLOUR} focus={null} />
          ))}
        </div>
      )}
      {found.length > drawn.length && (
        <p className="more">
          <button type="button" className="button" onClick={() => setMany(many + AT_ONCE)}>
            Show more of {plural(found.length, 'metric')}
          </button>
        </p>
      )}
    </>
  );
}
