import { type Column, type Frame, isSystem, numberOf } from '../../runs/frame';

/** How a column is laid along an axis: numbers by size, texts as equal steps. */
export interface Scale {
  column: Column;
  /** 0 to 1; null where the run has nothing to place. */
  place: (run: number) => number | null;
  ticks: { at: number; label: string }[];
}

/** So few different values are all named, if they are short; otherwise round numbers are. */
const FEW = 6;
const SHORT = 6;
const STEPS = 5;

export function scaleOf(column: Column, runs: number[], write: (value: number) => string): Scale {
  const numeric = column.sort !== 'text';
  return numeric ? numberScale(column, runs, write) : textScale(column, runs);
}

function numberScale(column: Column, runs: number[], write: (value: number) => string): Scale {
  const values = [...new Set(runs.map((run) => numberOf(column, run)).filter((value) => value !== null))].toSorted((a, b) => a - b);
  const low = values[0] ?? 0;
  const high = values.at(-1) ?? 1;
  // Learning rates and the like differ by factors, not by sums.
  const logarithmic = low > 0 && high / low >= 50;
  const to = logarithmic ? Math.log10 : (value: number) => value;
  const span = to(high) - to(low);
  const place = (value: number) => (span === 0 ? 0.5 : (to(value) - to(low)) / span);
  const named = values.length <= FEW && values.every((value) => write(value).length <= SHORT) ? values : logarithmic ? decades(low, high) : roundNumbers(low, high);
  return {
    column,
    place: (run) => {
      const value = numberOf(column, run);
      return value === null ? null : place(value);
    },
    ticks: named.map((value) => ({ at: place(value), label: write(value) })),
  };
}

/** About five round numbers between two. */
export function roundNumbers(low: number, high: number): number[] {
  const rough = (high - low) / STEPS;
  if (!(rough > 0)) return [low];
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * ([1, 2, 5].find((factor) => factor * size >= rough) ?? 10);
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  // Products of whole numbers, rounded: sums would gather errors in the last digits.
  return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function decades(low: number, high: number): number[] {
  const first = Math.ceil(Math.log10(low));
  const count = Math.floor(Math.log10(high)) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, index) => 10 ** (first + index));
}

const NAMED = 12;

function textScale(column: Column, runs: number[]): Scale {
  const values = [...new Set(runs.map((run) => column.cells[run]).filter((cell) => cell !== null && cell !== undefined))].map(String).toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const at = new Map(values.map((value, index) => [value, values.length === 1 ? 0.5 : index / (values.length - 1)]));
  const every = Math.ceil(values.length / NAMED);
  return {
    column,
    place: (run) => at.get(String(column.cells[run])) ?? null,
    ticks: values.filter((_, index) => index % every === 0).map((label) => ({ at: at.get(label) ?? 0, label })),
  };
}

/** Columns that an axis can be made of. */
export function placeable(frame: Frame): Column[] {
  return frame.columns.filter((column) => {
    if (isSystem(column) || column.id === 'attributes.run_id' || column.id === 'attributes.start_time') return false;
    return column.cells.some((cell) => cell !== null && !Number.isNaN(cell)) && (column.kind === 'metrics' || column.kind === 'params' || !column.key.startsWith('mlflow.'));
  });
}
