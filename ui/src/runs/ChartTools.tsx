import { useMemo } from 'react';
import { setParams, useParam } from '../app/router';
import type { LineAxis } from '../charts/LineChart';

/** How charts of metrics are drawn; kept in the address. */
export interface ChartLook {
  axis: LineAxis;
  smoothing: number;
  log: boolean;
  outliers: boolean;
}

const MOST = 0.99;

export function useChartLook(): ChartLook {
  const [axis] = useParam('x');
  const [smooth] = useParam('smooth');
  const [log] = useParam('log');
  const [outliers] = useParam('outliers');
  return useMemo(
    () => ({
      axis: axis === 'time' ? 'time' : 'step',
      smoothing: Math.min(MOST, Math.max(0, Number(smooth) || 0)),
      log: log === '1',
      outliers: outliers !== '0',
    }),
    [axis, smooth, log, outliers],
  );
}

export function ChartTools({ look }: { look: ChartLook }) {
  return (
    <div className="chart-tools">
      <span className="segments" role="group" aria-label="Axis">
        {(['step', 'time'] as const).map((axis) => (
          <button key={axis} type="button" aria-pressed={look.axis === axis} onClick={() => setParams({ x: axis === 'step' ? null : axis })}>
            {axis === 'step' ? 'Step' : 'Time'}
          </button>
        ))}
      </span>
      <label className="choice">
        Smoothing
        <input type="range" min={0} max={MOST} step={0.01} value={look.smoothing} onChange={(event) => setParams({ smooth: event.target.value === '0' ? null : event.target.value })} />
        <span className="num smooth-value">{look.smoothing.toFixed(2)}</span>
      </label>
      <button type="button" className="chip" aria-pressed={look.log} onClick={() => setParams({ log: look.log ? null : '1' })}>
        log scale
      </button>
      <button type="button" className="chip" aria-pressed={!look.outliers} onClick={() => setParams({ outliers: look.outliers ? '0' : null })}>
        ignore outliers
      </button>
    </div>
  );
}
