import type { Mark, MonitorWindow } from '../api/types';

/** One model version's line: a value for every window, null where another version answered. */
export interface Line {
  version: number;
  values: (number | null)[];
}

export interface PlacedMark {
  x: number;
  kind: Mark['kind'];
  label: string;
}

export interface Track {
  /** Seconds, as uPlot wants them, ascending. */
  xs: number[];
  lines: Line[];
  breached: boolean[];
  marks: PlacedMark[];
  /** The windows in the order of `xs`. */
  windows: MonitorWindow[];
  /** Whether `xs` is the data's own time, or the wall clock where windows do not tell theirs. */
  axis: 'event' | 'wall';
}

/** Whether a value is beyond its limit. */
export type Beyond = (value: number) => boolean;

export function below(limit: number | null | undefined): Beyond {
  return (value) => typeof limit === 'number' && value < limit;
}

export function above(limit: number | null | undefined): Beyond {
  return (value) => typeof limit === 'number' && Math.abs(value) > limit;
}

/** The monitor's windows as lines over time. */
export function track(windows: MonitorWindow[], marks: Mark[], key: string, beyond: Beyond): Track {
  const axis = windows.length > 0 && windows.every((window) => window.event_end !== null) ? 'event' : 'wall';
  const at = (window: MonitorWindow) => (axis === 'event' ? (window.event_end ?? window.time) : window.time) / 1000;
  const ordered = windows.toSorted((a, b) => at(a) - at(b) || a.time - b.time);
  const values = ordered.map((window) => window.values[key] ?? null);
  const versions = [...new Set(ordered.map((window) => window.version))].toSorted((a, b) => a - b);
  return {
    xs: ordered.map(at),
    lines: versions.map((version) => ({
      version,
      values: values.map((value, index) => (ordered[index]?.version === version ? value : null)),
    })),
    breached: values.map((value) => value !== null && beyond(value)),
    marks: marks.flatMap((mark) => place(mark, ordered, axis)),
    windows: ordered,
    axis,
  };
}

/**
 * Where a mark stands. One that does not know its event time stands at the newest window that was
 * judged before it; before all windows there is nothing to stand on.
 */
function place(mark: Mark, windows: MonitorWindow[], axis: Track['axis']): PlacedMark[] {
  const { kind, label } = mark;
  if (axis === 'wall') return [{ x: mark.time / 1000, kind, label }];
  const time = mark.event_time ?? windows.findLast((window) => window.time <= mark.time)?.event_end ?? null;
  return time === null ? [] : [{ x: time / 1000, kind, label }];
}

/** The stretch of time to show: all windows and marks with a little air. */
export function timeRange(track: Track): [number, number] {
  const xs = [...track.xs, ...track.marks.map((mark) => mark.x)];
  const first = Math.min(...xs);
  const last = Math.max(...xs);
  const air = Math.max((last - first) * 0.04, track.axis === 'event' ? 86_400 : 10);
  return [first - air, last + air];
}

/** The stretch of values to show: all of them and the limit, and never less than `least`. */
export function valueRange(track: Track, limit: number | null | undefined, least: number): [number, number] {
  const values = track.lines.flatMap((line) => line.values).filter((value) => value !== null);
  if (typeof limit === 'number') values.push(limit);
  if (values.length === 0) return [0, least];
  const low = Math.min(...values);
  const high = Math.max(...values);
  const air = Math.max((high - low) * 0.18, (least - (high - low)) / 2);
  return [low >= 0 ? Math.max(0, low - air) : low - air, high + air];
}
