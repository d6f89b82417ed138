import { describe, expect, it } from 'vitest';
import type { Comparison } from '../../src/api/tracking';
import { columnTitle, shown } from '../../src/runs/cells';
import { differs, frame, numberOf, tellingColumns } from '../../src/runs/frame';
import { aggregated, grouped, lines, nextOrder, ordered, readOrder, serverOrder, writeOrder } from '../../src/runs/rows';
import { windowOf } from '../../src/runs/window';
import { compare, runId } from '../story/tracking';

const one = (values: string[]) => ({ values, codes: [0, 0, 0, 0] });

/** Four runs: `auc` 0.5, NaN, none, 0.9; `lr` 10, 9, 10, none. */
const ANSWER: Comparison = {
  runs: {
    run_id: ['a', 'b', 'c', 'd'],
    run_name: ['run 10', 'run 9', 'x', 'y'],
    experiment_id: one(['1']),
    status: { values: ['FINISHED', 'RUNNING'], codes: [0, 0, 0, 1] },
    user_id: one(['']),
    created_by: one(['user:test']),
    lifecycle_stage: one(['active']),
    start_time: [1000, 2000, 3000, 4000],
    end_time: [1500, 2500, 3500, null],
  },
  params: [
    { key: 'lr', rows: [0, 1, 2], values: ['10', '9'], codes: [0, 1, 0] },
    { key: 'seed', values: ['1'], codes: [0, 0, 0, 0] },
    { key: 'model', values: ['gbm', 'mlp'], codes: [1, 0, 0, 1] },
  ],
  metrics: [
    { key: 'auc', rows: [0, 1, 3], values: [0.5, null, 0.9], max_step: 0 },
    { key: 'system/cpu', values: [1, 2, 3, 4], max_step: 9 },
  ],
  tags: [
    { key: 'mlflow.runName', values: ['n'], codes: [0, 0, 0, 0] },
    { key: 'mlflow.user', values: ['ada'], codes: [0, 0, 0, 0] },
  ],
  histories: [],
  next: null,
};

const runs = frame(ANSWER);
const column = (id: string) => {
  const found = runs.byId.get(id);
  if (!found) throw new Error(id);
  return found;
};

describe('a frame', () => {
  it('holds a cell for every run, and tells NaN from nothing', () => {
    expect(column('metrics.auc').cells).toEqual([0.5, Number.NaN, null, 0.9]);
    expect(column('params.lr').cells).toEqual(['10', '9', '10', null]);
    expect(column('attributes.duration').cells).toEqual([500, 500, 500, null]);
    expect(column('attributes.user_id').cells).toEqual(['ada', 'ada', 'ada', 'ada']);
    expect(runs.byId.has('tags.mlflow.runName')).toBe(false);
  });

  it('reads texts as numbers where all of them are', () => {
    expect(numberOf(column('params.lr'), 1)).toBe(9);
    expect(numberOf(column('params.model'), 0)).toBeNull();
    expect(numberOf(column('metrics.auc'), 1)).toBeNull();
  });

  it('knows what differs and shows it first', () => {
    expect(differs(column('params.seed'))).toBe(false);
    expect(differs(column('params.lr'))).toBe(true);
    expect(tellingColumns(runs)).toEqual(['attributes.start_time', 'attributes.duration', 'metrics.auc', 'params.lr', 'params.model']);
  });

  it('says cells in words', () => {
    expect(shown(column('metrics.auc'), Number.NaN, 0)).toBe('NaN');
    expect(shown(column('attributes.duration'), 61_000, 0)).toBe('1 min 1 s');
    expect(shown(column('params.lr'), null, 0)).toBe('');
    expect(columnTitle(column('attributes.user_id'))).toBe('user');
  });
});

describe('rows', () => {
  const by = (text: string) => ordered(runs, readOrder(text));

  it('are ordered with NaN and nothing last, either way', () => {
    expect(by('metrics.auc')).toEqual([0, 3, 1, 2]);
    expect(by('-metrics.auc')).toEqual([3, 0, 1, 2]);
    expect(by('params.lr')).toEqual([1, 0, 2, 3]);
    expect(by('attributes.run_name').slice(0, 2)).toEqual([1, 0]);
    expect(by('metrics.unknown')).toEqual([0, 1, 2, 3]);
  });

  it('cycle through their orders', () => {
    const first = nextOrder(null, column('metrics.auc'));
    expect(writeOrder(first)).toBe('-metrics.auc');
    const second = nextOrder(first, column('metrics.auc'));
    expect(writeOrder(second)).toBe('metrics.auc');
    expect(nextOrder(second, column('metrics.auc'))).toBeNull();
    expect(writeOrder(nextOrder(first, column('params.model')))).toBe('params.model');
    expect(serverOrder(readOrder('-metrics.val/auc'))).toBe('metrics.`val/auc` DESC');
    expect(serverOrder(readOrder('attributes.duration'))).toBeNull();
  });

  it('are grouped, opened and summed up', () => {
    const groups = grouped([0, 1, 2, 3], column('params.model'));
    expect(groups.map((group) => [group.value, group.rows])).toEqual([['mlp', [0, 3]], ['gbm', [1, 2]]]);
    expect(aggregated(column('metrics.auc'), [0, 1, 3], 'mean')).toBeCloseTo(0.7);
    expect(aggregated(column('attributes.start_time'), [0, 1, 3], 'median')).toBe(2000);
    expect(aggregated(column('metrics.auc'), [1, 2], 'max')).toBeNull();
    expect(lines([0, 1, 2, 3], groups, new Set())).toHaveLength(2);
    expect(lines([0, 1, 2, 3], groups, new Set(['=gbm']))).toEqual([{ group: groups[0], open: false }, { group: groups[1], open: true }, { run: 1 }, { run: 2 }]);
  });
});

it('a window holds what is seen and a little more', () => {
  expect(windowOf(0, 360, 36, 10_000)).toEqual({ first: 0, end: 22 });
  expect(windowOf(36_000, 360, 36, 10_000)).toEqual({ first: 988, end: 1022 });
  expect(windowOf(1e9, 360, 36, 100)).toEqual({ first: 88, end: 100 });
  expect(windowOf(0, 360, 36, 0)).toEqual({ first: 0, end: 0 });
});

it('takes ten thousand runs', () => {
  const answer = compare({ experiment_ids: ['2'] }, 0);
  if ('status' in answer) throw new Error(answer.error);
  const many = frame(answer);
  expect(many.count).toBe(10_000);
  expect(many.ids[7]).toBe(runId('2', 7));
  expect(ordered(many, readOrder('-metrics.auc'))).toHaveLength(10_000);
});
