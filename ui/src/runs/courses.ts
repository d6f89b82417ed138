import { useMemo } from 'react';
import { useKept } from '../api/poll';
import type { Comparison, History } from '../api/tracking';
import type { ChartLine } from '../charts/lines';
import type { LineAxis } from '../charts/LineChart';
import type { Frame } from './frame';

/** Points that a chart of usual width can show. */
export const BUCKETS = 300;

/** Histories, and what their positions are: an answer to an earlier question may still be shown. */
export interface Courses {
  histories: History[];
  axis: LineAxis;
}

/** The courses that were asked for, or the last ones while these are on their way. */
export function useCourses(answer: Comparison | null, axis: LineAxis): Courses | null {
  return useKept(useMemo(() => answer && { histories: answer.histories, axis }, [answer, axis]));
}

/** The histories of one metric as lines; times count from when each run began. */
export function linesOf({ histories, axis }: Courses, key: string, frame: Frame, colourOf: (run: number) => number): ChartLine[] {
  return histories
    .filter((history) => history.key === key && history.x.length > 0)
    .map((history) => {
      const start = frame.starts[history.run] ?? 0;
      const values = (list: (number | null)[]) => list.map((value) => value ?? Number.NaN);
      return {
        id: frame.ids[history.run] ?? '',
        label: frame.names[history.run] ?? '',
        colour: colourOf(history.run),
        x: axis === 'time' ? history.x.map((time) => time - start) : history.x,
        y: values(history.last),
        ...(history.min && history.max ? { min: values(history.min), max: values(history.max) } : {}),
      };
    });
}

/** What a chart tells beside its lines: how much was logged, and whether points stand for many. */
export function remark(histories: History[], key: string): { points: number; nan: number; ranged: boolean } {
  const own = histories.filter((history) => history.key === key);
  const sum = (of: (history: History) => number) => own.reduce((total, history) => total + of(history), 0);
  return { points: sum((history) => history.points), nan: sum((history) => history.nan_points), ranged: own.some((history) => !history.exact) };
}
