import { expect, it } from 'vitest';
import { meant, suggest } from '../../src/features/experiments/suggest';
import type { Column } from '../../src/runs/frame';

const column = (kind: Column['kind'], key: string): Column => ({ id: `${kind}.${key}`, kind, key, sort: 'text', cells: [], maxStep: 0 });
const COLUMNS = [column('metrics', 'auc'), column('metrics', 'val/auc'), column('params', 'model'), column('tags', 'auc'), column('attributes', 'duration'), column('attributes', 'status')];
const names = (text: string) => suggest(text, text.length, COLUMNS).names;

it('names the columns that fit what is being written', () => {
  expect(names('metrics.')).toEqual(['metrics.auc', 'metrics."val/auc"']);
  expect(names('mod')).toEqual(['params.model']);
  expect(names("params.model = 'gbm' AND st")).toEqual(['attributes.status']);
  expect(suggest("params.model = 'gbm' AND st", 27, COLUMNS).from).toBe(25);
});

it('offers everything that can be filtered at the beginning', () => {
  expect(names('')).not.toContain('attributes.duration');
  expect(names('')).toHaveLength(5);
});

it('is silent behind a name and within a value', () => {
  expect(names('metrics.auc > ')).toEqual([]);
  expect(names("params.model = 'mod")).toEqual([]);
});

it('knows what was meant by a name without its kind', () => {
  const message = "Invalid attribute key 'auc' specified.";
  expect(meant('auc > 0.8', message, COLUMNS)).toEqual(['metrics.auc > 0.8', 'tags.auc > 0.8']);
  expect(meant("params.model = 'auc' AND attributes.auc > 1", message, COLUMNS)[0]).toBe("params.model = 'auc' AND metrics.auc > 1");
  expect(meant('nothing > 0.8', "Invalid attribute key 'nothing' specified.", COLUMNS)).toEqual([]);
  expect(meant('auc', 'something else', COLUMNS)).toEqual([]);
});
