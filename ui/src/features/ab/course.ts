import { exact, type Look } from '../../api/ab';

/** How one comparison went over the looks of a phase. Columns of equal length, by units. */
export interface Course {
  units: number[];
  estimate: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  /** Where the gain must get beyond to count: half an interval above and below the line. */
  above: (number | null)[];
  below: (number | null)[];
  times: number[];
  /** No difference, or the gain that a guardrail must exceed; one half for pairs that are right or wrong. */
  line: number;
  /** Pairs that are right or wrong: the interval is of the share that the candidate wins. */
  pairs: boolean;
}

/** Early intervals are many times wider than what they come to: looks below this share of the units do not set the scale. */
const SETTLED = 0.25;

/** The course of a metric of a candidate; `paired` when all arms answer the same requests. */
export function course(looks: Look[], metric: string, arm: number, paired: boolean): Course {
  const found: Course = { units: [], estimate: [], low: [], high: [], above: [], below: [], times: [], line: 0, pairs: false };
  for (const look of looks) {
    const comparison = look.comparisons.find((one) => one.metric === metric && one.arm === arm);
    if (!comparison || comparison.low === null || comparison.high === null) continue;
    const [low, high] = [exact(comparison.low), exact(comparison.high)];
    const units = unitsOf(look.units, paired);
    // Units that are left out later make the count fall: a chart goes on from the last of equal ones.
    while (found.units.length > 0 && (found.units.at(-1) ?? 0) >= units) drop(found);
    found.pairs = comparison.effect === null;
    found.line = found.pairs ? 0.5 : exact(comparison.limit);
    const half = (high - low) / 2;
    found.units.push(units);
    found.times.push(look.time);
    found.low.push(low);
    found.high.push(high);
    found.estimate.push(comparison.effect ? exact(comparison.effect.estimate) : null);
    const bounded = comparison.role === 'goal' && comparison.effect !== null;
    found.above.push(bounded ? half : null);
    found.below.push(bounded ? -half : null);
  }
  return found;
}

function drop(found: Course): void {
  for (const column of [found.units, found.times, found.low, found.high, found.estimate, found.above, found.below]) column.pop();
}

/** Units of all arms; those that answer the same requests have the same ones. */
export function unitsOf(units: number[], paired: boolean): number {
  return paired ? Math.max(0, ...units) : units.reduce((sum, one) => sum + one, 0);
}

/** The values to show: the settled intervals and the line, with air around. */
export function valueRange({ units, low, high, line, pairs }: Course): [number, number] {
  const last = units.at(-1) ?? 0;
  const values = [line];
  if (!pairs) values.push(0);
  for (const [index, at] of units.entries()) {
    if (at < SETTLED * last && index < units.length - 1) continue;
    for (const value of [low[index], high[index]]) if (typeof value === 'number' && Number.isFinite(value)) values.push(value);
  }
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const air = (most - least) * 0.08 || 0.01;
  return [least - air, most + air];
}

/** From no units to the last look, and to the plan when that is near. */
export function unitRange({ units }: Course, planned: number): [number, number] {
  const last = units.at(-1) ?? 1;
  const most = planned <= 1.6 * last ? Math.max(planned, last) : last;
  return [0, most * 1.04];
}
