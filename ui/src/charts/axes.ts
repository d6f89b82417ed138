import type uPlot from 'uplot';
import type { Track } from './series';
import type { Theme } from './theme';

const DAY = 86_400;
/** uPlot steps by calendar months where the increment is a multiple of thirty days. */
const MONTHS = [1, 2, 3, 6, 12].map((months) => months * 30 * DAY);
const DAYS = [1, 2, 5, 7, 14].map((days) => days * DAY);
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, DAY, 2 * DAY, 7 * DAY];

const MONTH = new Intl.DateTimeFormat('en', { month: 'short', timeZone: 'UTC' });
const DATE = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const CLOCK = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

export function axes(theme: Theme, axis: Track['axis'], large: boolean): uPlot.Axis[] {
  const common = { stroke: theme.muted, font: theme.font, ticks: { show: false }, border: { show: false } };
  return [
    { ...common, grid: { show: false }, space: large ? 64 : 56, size: 24, gap: 6, incrs: (_, __, from, to) => increments(axis, to - from), values: (_, splits, __, ___, step) => splits.map((at, index) => label(axis, at, step, index === 0)) },
    { ...common, grid: { stroke: theme.line, width: 1 }, space: large ? 40 : 30, size: 46, gap: 6 },
  ];
}

export function increments(axis: Track['axis'], span: number): number[] {
  if (axis === 'wall') return SECONDS;
  return span > 50 * DAY ? MONTHS : DAYS;
}

/** What a tick is called; the first one, and every January, also tells the year. */
export function label(axis: Track['axis'], at: number, step: number, first: boolean): string {
  const time = at * 1000;
  if (axis === 'wall') return CLOCK.format(time);
  if (step < 28 * DAY) return DATE.format(time);
  const month = MONTH.format(time);
  return first || month === 'Jan' ? `${month} ${new Date(time).getUTCFullYear()}` : month;
}
