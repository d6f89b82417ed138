import { useMemo } from 'react';
import { usePollQuery } from '../../api/poll';
import { COMPARE, type CompareRequest, type Comparison, NO_COLUMNS } from '../../api/tracking';
import { setParams, useParam } from '../../app/router';
import { RefusedNote } from '../../components/Page';
import { ChartTools, useChartLook } from '../../runs/ChartTools';
import { BUCKETS, useCourses } from '../../runs/courses';
import { type Frame, isSystem } from '../../runs/frame';
import { MetricChart } from '../../runs/MetricChart';

interface CoursesProps {
  frame: Frame;
  focus: string | null;
  colourOf: (run: number) => number;
}

const ASK_MS = 10_000;
/** Charts that are shown unless others are chosen. */
const FIRST = 6;

/** The course of chosen metrics, all runs in each chart. */
export function Courses({ frame, focus, colourOf }: CoursesProps) {
  const look = useChartLook();
  const [chosen] = useParam('metrics');
  const known = useMemo(() => frame.columns.filter((column) => column.kind === 'metrics' && column.maxStep > 0).toSorted((a, b) => Number(isSystem(a)) - Number(isSystem(b))), [frame]);
  const shown = useMemo(() => {
    const keys = known.map((column) => column.key);
    if (chosen !== null) return chosen.split(',').filter((key) => keys.includes(key));
    const own = known.filter((column) => !isSystem(column));
    return (own.length > 0 ? own : known).slice(0, FIRST).map((column) => column.key);
  }, [known, chosen]);
  const request: CompareRequest = useMemo(
    () => ({ run_ids: frame.ids, columns: NO_COLUMNS, history: { metrics: shown, axis: look.axis, buckets: frame.count > 50 ? BUCKETS / 3 : BUCKETS } }),
    [frame.ids, frame.count, shown, look.axis],
  );
  const asked = usePollQuery<Comparison>(COMPARE, shown.length > 0 ? request : null, ASK_MS);
  const courses = useCourses(asked.data, look.axis);
  if (known.length === 0) return null;
  const toggle = (key: string) => setParams({ metrics: (shown.includes(key) ? shown.filter((one) => one !== key) : [...shown, key]).join(',') || ',' });
  return (
    <>
      <div className="course-tools">
        <div className="filters" role="group" aria-label="Metrics to draw">
          {known.map((column) => (
            <button key={column.id} type="button" className="chip" aria-pressed={shown.includes(column.key)} onClick={() => toggle(column.key)} title={column.key}>
              {column.key}
            </button>
          ))}
        </div>
        <ChartTools look={look} />
      </div>
      {asked.refused && <RefusedNote refused={asked.refused} />}
      {courses && shown.length > 0 && (
        <div className="chart-grid" data-count={shown.length}>
          {shown.map((metric) => (
            <MetricChart key={metric} metric={metric} courses={courses} frame={frame} look={look} colourOf={colourOf} focus={focus} />
          ))}
        </div>
      )}
    </>
  );
}
