import { METRICS } from '../../components/metrics';
import type { Column, Frame } from '../../runs/frame';

/** Which direction of a metric is known to be good. */
export function betterOf(key: string): 'higher' | 'lower' | null {
  return METRICS.find((metric) => metric.names.some((name) => name === key))?.better ?? null;
}

export interface MetricRow {
  key: string;
  ours: number | null;
  theirs: number | null;
  by: number | null;
  verdict: 'better' | 'worse' | 'same' | null;
}

/** The metrics of two runs side by side; row 0 is ours, row 1 theirs. Those with a known direction first. */
export function metricRows(frame: Frame): MetricRow[] {
  const rows = frame.columns.filter((column) => column.kind === 'metrics' && !column.key.startsWith('system/')).map(metricRow);
  const known = (row: MetricRow) => METRICS.findIndex((metric) => metric.names.some((name) => name === row.key));
  const rank = (row: MetricRow) => (known(row) < 0 ? METRICS.length : known(row));
  return rows.toSorted((a, b) => rank(a) - rank(b));
}

function metricRow(column: Column): MetricRow {
  const value = (run: number) => {
    const cell = column.cells[run];
    return typeof cell === 'number' ? cell : null;
  };
  const [ours, theirs] = [value(0), value(1)];
  const both = ours !== null && theirs !== null && Number.isFinite(ours) && Number.isFinite(theirs);
  const by = both ? ours - theirs : null;
  return { key: column.key, ours, theirs, by, verdict: by === null ? null : verdictOf(column.key, by) };
}

function verdictOf(key: string, by: number): MetricRow['verdict'] {
  const better = betterOf(key);
  if (by === 0) return 'same';
  if (better === null) return null;
  return (better === 'higher') === by > 0 ? 'better' : 'worse';
}
