import { describe, expect, it } from 'vitest';
import { headline } from '../../src/features/loop/headline';
import { loopAt, type Moment } from '../story/moments';

const NOW = Date.UTC(2026, 1, 1);

describe('the headline says where things stand', () => {
  it.each<[Moment, string, string]>([
    ['empty', 'quiet', 'Waiting for the first data'],
    ['firstTraining', 'active', 'The pipeline is running'],
    ['aprilBreach', 'warn', 'v1 is beyond its limits; a new version is being trained'],
    ['canary', 'active', 'v2 is on trial with 10 % of the traffic'],
    ['rolledBack', 'warn', 'v3 was rolled back; v2 answers'],
    ['gateFailed', 'bad', 'The data gate stopped the latest files'],
  ])('%s', (moment, tone, title) => expect(headline(loopAt(moment, NOW))).toMatchObject({ tone, title }));
});

it('is calm when all is well', () => {
  const loop = { ...loopAt('gateFailed', NOW), gate: null };
  expect(headline(loop)).toEqual({ tone: 'good', title: 'v2 answers all traffic', detail: 'AUC 0.735 on the latest labelled requests, the limit is 0.68' });
});

it('forgets a failed gate once a later run went well', () => {
  const loop = loopAt('gateFailed', NOW);
  const [failed, ...others] = loop.runs;
  const later = { ...others[0]!, run_id: 'later', ended: NOW };
  expect(headline({ ...loop, runs: [later, failed!, ...others] }).tone).toBe('good');
});

it('is alarmed when a limit is broken and nothing is done', () => {
  const loop = loopAt('aprilBreach', NOW);
  expect(headline({ ...loop, runs: [] })).toMatchObject({ tone: 'bad', title: 'v1 is beyond its limits; no retraining is running' });
});

it('does without a model', () => {
  expect(headline({ ...loopAt('empty', NOW), models: [] }).title).toBe('Waiting for the first data');
});
