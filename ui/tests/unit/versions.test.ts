import { expect, it } from 'vitest';
import { metricRows } from '../../src/features/models/compare';
import { frame } from '../../src/runs/frame';
import { measured, tick } from '../../src/components/format';
import { compare, runId } from '../story/tracking';

it('two runs are compared metric by metric, in the direction that is known to be good', () => {
  const answer = compare({ run_ids: [runId('1', 1), runId('1', 5)] }, 0);
  if ('status' in answer) throw new Error(answer.error);
  const broken = metricRows(frame(answer));
  expect(broken.map((row) => [row.key, row.verdict])).toEqual([['auc', null], ['brier', null], ['train/loss', null]]);
  const other = compare({ run_ids: [runId('1', 1), runId('1', 3)] }, 0);
  if ('status' in other) throw new Error(other.error);
  // 0.737 beside 0.711: higher is better for the AUC, lower for the Brier score; of a loss nothing is known.
  expect(metricRows(frame(other)).map((row) => [row.key, row.verdict])).toEqual([['auc', 'better'], ['brier', 'better'], ['train/loss', null]]);
});

it('measured values have four telling digits', () => {
  expect([0.71, 12.3, 1234.5, 80789, 0.00002061, Number.NaN, 1.7976931348623157e308].map(measured)).toEqual(['0.7100', '12.30', '1,235', '80,789', '2.06e-5', 'NaN', '∞']);
  expect([0, 0.3, 2500, 1e-7, 4e9].map(tick)).toEqual(['0', '0.3', '2,500', '1e-7', '4e9']);
});
