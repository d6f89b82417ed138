/** Courses of metrics as lines: smoothing, ranges and what lies under the pointer. */

export interface ChartLine {
  id: string;
  label: string;
  /** Which of the runs' colours. */
  colour: number;
  x: number[];
  /** NaN where it was logged. */
  y: number[];
  /** The extremes around `y` where points stand for many; absent where each point is shown. */
  min?: number[];
  max?: number[];
}

/**
 * The moving average by which noise is calmed: 0 keeps values as they are. Early values are not
 * drawn to zero, and NaN is passed over.
 */
export function smoothed(values: number[], weight: number): number[] {
  if (weight <= 0) return values;
  let average = 0;
  let debt = 1;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    average = average * weight + (1 - weight) * value;
    debt *= weight;
    return average / (1 - debt);
  });
}

export type Range = [low: number, high: number];

/** From the first to the last position of all lines. */
export function xRange(lines: ChartLine[]): Range {
  let low = Infinity;
  let high = -Infinity;
  for (const line of lines) {
    low = Math.min(low, line.x[0] ?? Infinity);
    high = Math.max(high, line.x.at(-1) ?? -Infinity);
  }
  if (low > high) return [0, 1];
  return low === high ? [low - 1, high + 1] : [low, high];
}

/** The values to show between two positions; outliers may be left outside. */
export function yRange(lines: ChartLine[], [from, to]: Range, options: { log: boolean; outliers: boolean }): Range {
  const values: number[] = [];
  const take = (value: number | undefined) => {
    if (value !== undefined && Number.isFinite(value) && (!options.log || value > 0)) values.push(value);
  };
  for (const line of lines) {
    for (const [index, x] of line.x.entries()) {
      if (x < from || x > to) continue;
      take(line.y[index]);
      if (options.outliers) {
        take(line.min?.[index]);
        take(line.max?.[index]);
      }
    }
  }
  if (values.length === 0) return options.log ? [0.1, 1] : [0, 1];
  values.sort((a, b) => a - b);
  const cut = options.outliers ? 0 : 0.03;
  const low = values[Math.floor(cut * (values.length - 1))] ?? 0;
  const high = values[Math.ceil((1 - cut) * (values.length - 1))] ?? 1;
  if (options.log) return low === high ? [low / 2, high * 2] : [low, high];
  const air = low === high ? Math.max(Math.abs(low) * 0.1, 0.5) : (high - low) * 0.06;
  return [low - air, high + air];
}

/** The place of the position nearest to `x` in an ascending list; -1 in an empty one. */
export function nearest(xs: number[], x: number): number {
  let low = 0;
  let high = xs.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((xs[middle] ?? 0) < x) low = middle + 1;
    else high = middle;
  }
  const before = xs[low - 1];
  return before !== undefined && x - before < (xs[low] ?? Infinity) - x ? low - 1 : low < xs.length ? low : -1;
}

export interface Hit {
  line: ChartLine;
  index: number;
}

/** What each line has near a position, the highest first; lines that have ended or not begun are left out. */
export function hits(lines: ChartLine[], x: number, reach: number): Hit[] {
  return lines
    .flatMap((line): Hit[] => {
      const index = nearest(line.x, x);
      const at = line.x[index];
      return at === undefined || Math.abs(at - x) > reach ? [] : [{ line, index }];
    })
    .toSorted((a, b) => (b.line.y[b.index] ?? 0) - (a.line.y[a.index] ?? 0));
}
