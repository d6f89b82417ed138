import type { CompareRequest, Comparison, ExperimentSummary, History, NumberColumn, RunStatus, TextColumn, Wish } from '../../src/api/tracking';

/** Experiments and their runs as the server answers them. Numbers come from the place of a run. */

const EXPERIMENTS: Record<string, { name: string; runs: number; note: string; workspace?: string }> = {
  '1': { name: 'flight-delay', runs: 12, note: 'Will a flight arrive more than 15 minutes late?' },
  '2': { name: 'sweep', runs: 10_000, note: '' },
  '3': { name: 'nothing yet', runs: 0, note: '' },
  '4': { name: 'of a team', runs: 1, note: '', workspace: 'team-a' },
};

const MODELS = ['gbm', 'mlp', 'logistic'];
const STEPS = 40;
/** A run whose loss became NaN, and that failed. */
const BROKEN = 5;

export function experiments(now: number): ExperimentSummary[] {
  return Object.entries(EXPERIMENTS).map(([experiment_id, { name, runs, note, workspace }], index) => ({
    experiment_id,
    workspace: workspace ?? 'default',
    name,
    lifecycle_stage: 'active',
    created: now - 9_000_000,
    updated: now - 9_000_000,
    tags: note ? [{ key: 'mlflow.note.content', value: note }] : [],
    runs,
    running: index === 0 ? 1 : 0,
    last_start: runs > 0 ? now - 60_000 * (index + 1) : null,
  }));
}

interface MockRun {
  id: string;
  experiment: string;
  index: number;
}

export function runId(experiment: string, index: number): string {
  return `${experiment}${String(index).padStart(31, '0')}`;
}

function runOf(id: string): MockRun | null {
  const experiment = id.slice(0, 1);
  const index = Number(id.slice(1));
  return id.length === 32 && index < (EXPERIMENTS[experiment]?.runs ?? 0) ? { id, experiment, index } : null;
}

export interface Refusal {
  status: number;
  error: string;
  hint: string | null;
}

/** What the server answers to a comparison. Of filters it knows one, and refuses what begins with a bare name. */
export function compare(request: CompareRequest, now: number): Comparison | Refusal {
  const runs: MockRun[] = [];
  for (const id of request.run_ids ?? []) {
    const run = runOf(id);
    if (!run) return { status: 404, error: `Run with id=${id} not found`, hint: null };
    runs.push(run);
  }
  const filter = request.filter ?? '';
  if (/^auc/.test(filter)) return { status: 400, error: "Invalid attribute key 'auc' specified. Valid keys are '{'run_name', 'status'}'", hint: 'a filter joins comparisons with AND: `metrics.auc > 0.8`' };
  for (const experiment of request.experiment_ids ?? []) {
    const count = request.view === 'deleted' ? 0 : (EXPERIMENTS[experiment]?.runs ?? 0);
    for (let index = 0; index < count; index += 1) {
      if (filter === "params.model = 'gbm'" && modelOf(index) !== 'gbm') continue;
      runs.push({ id: runId(experiment, index), experiment, index });
    }
  }
  const wanted = <T>(wish: Wish | undefined, columns: T[]): T[] => (wish === false ? [] : columns);
  return {
    runs: {
      run_id: runs.map((run) => run.id),
      run_name: runs.map((run) => nameOf(run)),
      experiment_id: coded(runs.map((run) => run.experiment)),
      status: coded(runs.map(statusOf)),
      user_id: coded(runs.map(() => 'ada')),
      created_by: coded(runs.map((run) => (run.index === 0 ? 'task:flights_training/manual__2026-02-01T10:13:40+00:00/train#1' : 'user:anonymous'))),
      lifecycle_stage: coded(runs.map(() => 'active')),
      start_time: runs.map((run) => now - (run.index + 1) * 60_000),
      end_time: runs.map((run) => (statusOf(run) === 'RUNNING' ? null : now - (run.index + 1) * 60_000 + 30_000 + run.index * 10)),
    },
    params: wanted(request.columns?.params, [texts('learning_rate', runs.map((run) => String(rateOf(run.index)))), texts('model', runs.map((run) => modelOf(run.index))), texts('seed', runs.map(() => '42'))]),
    metrics: wanted(request.columns?.metrics, metrics(runs)),
    tags: wanted(request.columns?.tags, [texts('mlflow.runName', runs.map(nameOf)), texts('team', runs.map((run) => (run.index % 2 ? 'ops' : 'research')))]),
    histories: runs.flatMap((run, place) => (request.history?.metrics ?? []).flatMap((key) => history(run, place, key, request.history?.axis ?? 'step', now))),
    next: null,
  };
}

function metrics(runs: MockRun[]): NumberColumn[] {
  const finished = runs.flatMap((run, row) => (run.index === BROKEN ? [] : [row]));
  const all = finished.length === runs.length;
  return [
    { key: 'auc', ...(all ? {} : { rows: finished }), values: finished.map((row) => aucOf(runs[row]?.index ?? 0)), max_step: 0 },
    { key: 'brier', ...(all ? {} : { rows: finished }), values: finished.map((row) => 0.24 - 0.1 * aucOf(runs[row]?.index ?? 0)), max_step: 0 },
    { key: 'system/cpu_utilization_percentage', values: runs.map(() => 71), max_step: STEPS },
    { key: 'train/loss', values: runs.map((run) => (run.index === BROKEN ? null : lossOf(run.index, STEPS - 1))), max_step: STEPS - 1 },
  ];
}

function history(run: MockRun, place: number, key: string, axis: 'step' | 'time', now: number): History[] {
  if (key !== 'train/loss' && !key.startsWith('system/')) return [];
  const steps = Array.from({ length: STEPS }, (_, step) => step);
  const broken = (step: number) => run.index === BROKEN && key === 'train/loss' && step > 30;
  const values = steps.map((step) => (broken(step) ? null : key === 'train/loss' ? lossOf(run.index, step) : 70 + (step % 7)));
  const start = now - (run.index + 1) * 60_000;
  // Every second history is told in stretches with their extremes.
  const cut = run.index % 2 === 0;
  return [
    {
      run: place,
      key,
      points: cut ? STEPS * 50 : STEPS,
      nan_points: values.filter((value) => value === null).length,
      exact: !cut,
      x: steps.map((step) => (axis === 'time' ? start + step * 700 : cut ? step * 50 : step)),
      last: values,
      ...(cut ? { min: values.map((value) => value && value - 0.03), max: values.map((value) => value && value + 0.04) } : {}),
    },
  ];
}

function nameOf(run: MockRun): string {
  return run.experiment === '2' ? `trial-${String(run.index).padStart(5, '0')}` : `${modelOf(run.index)}-${run.index}`;
}

function statusOf(run: MockRun): RunStatus {
  if (run.experiment === '1' && run.index === 0) return 'RUNNING';
  return run.index === BROKEN ? 'FAILED' : 'FINISHED';
}

function modelOf(index: number): string {
  return MODELS[index % MODELS.length] ?? '';
}

function rateOf(index: number): number {
  return [0.3, 0.1, 0.03, 0.01][index % 4] ?? 0;
}

function aucOf(index: number): number {
  return 0.7 + ((index * 37) % 100) / 1000;
}

function lossOf(index: number, step: number): number {
  return 0.35 + 0.4 * Math.exp(-step / (4 + (index % 5)));
}

function coded(texts: string[]): { values: string[]; codes: number[] } {
  const values = [...new Set(texts)];
  const place = new Map(values.map((value, index) => [value, index]));
  return { values, codes: texts.map((text) => place.get(text) ?? 0) };
}

function texts(key: string, all: string[]): TextColumn {
  return { key, ...coded(all) };
}
