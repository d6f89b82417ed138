import type { Comparison, RunStatus } from '../api/tracking';

/** The kinds of columns, by the names that the filter language has for them. */
export type Kind = 'attributes' | 'metrics' | 'params' | 'tags';
export const KINDS: Kind[] = ['metrics', 'params', 'attributes', 'tags'];
export const KIND_WORDS: Record<Kind, { one: string; many: string }> = {
  metrics: { one: 'metric', many: 'Metrics' },
  params: { one: 'parameter', many: 'Parameters' },
  attributes: { one: 'attribute', many: 'Attributes' },
  tags: { one: 'tag', many: 'Tags' },
};

/** What a cell holds; null where the run has nothing. NaN is a number here. */
export type Cell = string | number | null;
export type Sort = 'number' | 'text' | 'time' | 'duration';

export interface Column {
  /** `metrics.auc`: unique, and what stands in addresses. */
  id: string;
  kind: Kind;
  key: string;
  sort: Sort;
  cells: Cell[];
  /** The highest step of a metric: 0 where it has no course to draw. */
  maxStep: number;
}

/** Runs with their columns filled up, so that any cell can be asked for. */
export interface Frame {
  count: number;
  ids: string[];
  names: string[];
  experiments: string[];
  statuses: RunStatus[];
  starts: number[];
  ends: (number | null)[];
  /** By whom or by which task attempt each run was made. */
  creators: string[];
  columns: Column[];
  byId: Map<string, Column>;
}

/** A tag that repeats what the run's name says. */
const NAME_TAG = 'mlflow.runName';

export function frame(answer: Comparison): Frame {
  const { runs } = answer;
  const count = runs.run_id.length;
  const coded = (column: { values: string[]; codes: number[] }) => column.codes.map((code) => column.values[code] ?? '');
  const attribute = (key: string, cells: Cell[], sort: Sort): Column => ({ id: `attributes.${key}`, kind: 'attributes', key, sort, cells, maxStep: 0 });
  const durations = runs.start_time.map((start, row) => {
    const end = runs.end_time[row];
    return typeof end === 'number' ? end - start : null;
  });
  const texts = (kind: Kind) => (column: Comparison['params'][number]): Column => {
    const cells = spread(count, column.rows, coded(column));
    return { id: `${kind}.${column.key}`, kind, key: column.key, sort: allNumbers(column.values) ? 'number' : 'text', cells, maxStep: 0 };
  };
  const tags = answer.tags.filter((column) => column.key !== NAME_TAG).map(texts('tags'));
  const userTag = tags.find((column) => column.key === 'mlflow.user')?.cells;
  const users = coded(runs.user_id).map((user, row) => user || (userTag?.[row] ?? null));
  const columns: Column[] = [
    attribute('status', coded(runs.status), 'text'),
    attribute('start_time', runs.start_time, 'time'),
    attribute('duration', durations, 'duration'),
    attribute('user_id', users, 'text'),
    attribute('created_by', coded(runs.created_by), 'text'),
    attribute('run_id', runs.run_id, 'text'),
    ...answer.metrics.map((column): Column => {
      const values = column.values.map((value) => value ?? Number.NaN);
      return { id: `metrics.${column.key}`, kind: 'metrics', key: column.key, sort: 'number', cells: spread(count, column.rows, values), maxStep: column.max_step };
    }),
    ...answer.params.map(texts('params')),
    ...tags,
  ];
  return {
    count,
    ids: runs.run_id,
    names: runs.run_name,
    experiments: coded(runs.experiment_id),
    statuses: coded(runs.status) as RunStatus[],
    starts: runs.start_time,
    ends: runs.end_time,
    creators: coded(runs.created_by),
    columns,
    byId: new Map(columns.map((column) => [column.id, column])),
  };
}

/** A cell for every run; null where the column has none. */
function spread(count: number, rows: number[] | undefined, values: Cell[]): Cell[] {
  if (!rows) return values;
  const cells = new Array<Cell>(count).fill(null);
  rows.forEach((row, index) => (cells[row] = values[index] ?? null));
  return cells;
}

function allNumbers(values: string[]): boolean {
  return values.length > 0 && values.every((value) => value.trim() !== '' && Number.isFinite(Number(value)));
}

/** A cell as a number, where it is one. */
export function numberOf(column: Column, row: number): number | null {
  const cell = column.cells[row];
  if (typeof cell === 'number') return Number.isNaN(cell) ? null : cell;
  return column.sort === 'number' && typeof cell === 'string' ? Number(cell) : null;
}

/** Whether runs differ in a column; runs without a value differ from those with one. */
export function differs(column: Column): boolean {
  const first = column.cells[0];
  return column.cells.some((cell) => !Object.is(cell, first));
}

/** System metrics are watched, not compared: they have a page of their own. */
export function isSystem(column: Column): boolean {
  return column.kind === 'metrics' && column.key.startsWith('system/');
}

/** Tags of the client's own bookkeeping. */
export function isOwnTag(column: Column): boolean {
  return column.kind === 'tags' && column.key.startsWith('mlflow.');
}

const SHOWN_METRICS = 6;
const SHOWN_PARAMS = 5;

/** The columns that tell something at first sight: metrics, and what the runs differ in. */
export function tellingColumns(frame: Frame): string[] {
  const metrics = frame.columns.filter((column) => column.kind === 'metrics' && !isSystem(column));
  const params = frame.columns.filter((column) => column.kind === 'params' && (frame.count < 2 || differs(column)));
  const filled = (column: Column) => column.cells.reduce<number>((sum, cell) => sum + (cell === null ? 0 : 1), 0);
  const fullest = (columns: Column[], many: number) => {
    const chosen = new Set(columns.toSorted((a, b) => filled(b) - filled(a)).slice(0, many));
    return columns.filter((column) => chosen.has(column)).map((column) => column.id);
  };
  return ['attributes.start_time', 'attributes.duration', ...fullest(metrics, SHOWN_METRICS), ...fullest(params, SHOWN_PARAMS)];
}
