import type { Loop, LoopModel, Run } from '../../src/api/types';
import { events, failedGate, goodGate, rollout, run, stages, windows } from './parts';

/** The moments of the story at which the pages are looked at. */
export const MOMENTS = ['empty', 'firstTraining', 'aprilBreach', 'canary', 'rolledBack', 'gateFailed'] as const;
export type Moment = (typeof MOMENTS)[number];

const V1 = { auc: 0.7412, brier: 0.1523, calibration_error: 0.0412 };
const V2 = { auc: 0.7629, brier: 0.1471, calibration_error: 0.0298 };
const V3 = { auc: 0.7634, brier: 0.1469, calibration_error: 0.0311 };
const LIMITS = { min_auc: 0.68, max_calibration_gap: 0.1, max_psi: 0.25 };
const FIRST = ['data/flights-2013-01.csv', 'data/flights-2013-02.csv', 'data/flights-2013-03.csv'];

const APRIL = [
  { month: 1, version: 1, auc: [0.752, 0.748, 0.761, 0.755], psi: 0.03, gap: 0.012 },
  { month: 2, version: 1, auc: [0.744, 0.739, 0.731, 0.746], psi: 0.05, gap: 0.021 },
  { month: 3, version: 1, auc: [0.738, 0.729, 0.741, 0.722], psi: 0.08, gap: 0.026 },
  { month: 4, version: 1, auc: [0.702, 0.671, 0.653, 0.648], psi: 0.19, gap: 0.082 },
];
const MAY = [...APRIL, { month: 5, version: 2, auc: [0.751, 0.758, 0.762, 0.749], psi: 0.06, gap: 0.018 }];
const JUNE = [...MAY, { month: 6, version: 2, auc: [0.743, 0.739, 0.747, 0.735], psi: 0.09, gap: 0.027 }];

const FIRST_RUN = { id: 'data__2026-02-01T10:00:00+00:00', run_type: 'data', reason: '3 files arrived: flights-2013-01.csv, flights-2013-02.csv, flights-2013-03.csv' };
const RETRAINING = { id: 'alert__2026-02-01T10:06:12+00:00', run_type: 'alert', reason: 'AUC 0.648 is below 0.68 for flights v1 on 2013-04-22 to 2013-04-30' };

type Build = (now: number) => Omit<Loop, 'project' | 'version' | 'time'>;

const STORY: Record<Moment, Build> = {
  empty: (now) => ({
    stages: stages(now, {
      data: ['idle', '–', 'no file has arrived yet', null],
      gate: ['idle', '–', 'no data was judged yet', null],
      train: ['idle', '–', 'nothing was trained yet', null],
      test: ['idle', '–', 'no model was tested yet', null],
      registry: ['idle', '–', 'no version is registered yet', null],
      rollout: ['idle', '–', 'nothing is deployed yet', null],
      monitor: ['idle', '–', 'no labels have come yet', null],
    }),
    models: [model({})],
    runs: [],
    gate: null,
    events: [],
  }),

  firstTraining: (now) => ({
    stages: stages(now, {
      data: ['ok', '3 files', 'data/flights-2013-03.csv 7d3f5f5e', 9],
      gate: ['ok', 'passed', '102 checks passed on 3 files', 11],
      train: ['active', 'training', FIRST_RUN.reason, 6],
      test: ['idle', '–', 'no model was tested yet', null],
      registry: ['idle', '–', 'no version is registered yet', null],
      rollout: ['idle', '–', 'nothing is deployed yet', null],
      monitor: ['idle', '–', 'no labels have come yet', null],
    }),
    models: [model({})],
    runs: [run(now, { ...FIRST_RUN, at: 'train', ends: 'running', began: 12.2 })],
    gate: goodGate(now, 11, FIRST),
    events: events(now, [
      ['info', 'data.versioned', 'task:version_data', 'data/flights-2013-03.csv is under version control', 9],
      ['info', 'data.versioned', 'task:version_data', 'data/flights-2013-02.csv is under version control', 9],
      ['info', 'data.versioned', 'task:version_data', 'data/flights-2013-01.csv is under version control', 10],
      ['good', 'gate.judged', 'task:validate', 'The data gate says pass: 102 checks passed on 3 files', 11],
      ['info', 'dag_run.created', 'automation:data.arrived', 'Pipeline flights_training was started: 3 files arrived', 13],
      ['info', 'data.arrived', 'watcher:incoming', 'New data: incoming/flights-2013-03.csv', 16],
      ['info', 'data.arrived', 'watcher:incoming', 'New data: incoming/flights-2013-02.csv', 16],
      ['info', 'data.arrived', 'watcher:incoming', 'New data: incoming/flights-2013-01.csv', 17],
    ]),
  }),

  aprilBreach: (now) => ({
    stages: stages(now, {
      data: ['ok', '4 files', 'data/flights-2013-04.csv c1b09f44', 40],
      gate: ['ok', 'passed', '34 checks passed on 1 file', 42],
      train: ['active', 'training', RETRAINING.reason, 5],
      test: ['ok', 'passed', 'all 6 checks of the battery passed for v1', 310],
      registry: ['ok', 'version 1', 'flights · Production', 308],
      rollout: ['ok', 'v1 in charge', 'all steps are done', 270],
      monitor: ['warn', 'AUC 0.648', 'AUC 0.648 is below 0.68', 14],
    }),
    models: [
      model({
        champion: champion(now, 1),
        last_rollout: promoted(now, 1, null, 270),
        traffic: { weight: 0, requests_per_second: 31.2, requests: 1873, errors: 0, window_seconds: 60 },
        windows: windows(now - 13_000, APRIL),
        marks: [{ time: now - 13_000, event_time: Date.UTC(2013, 4, 1), kind: 'retraining', label: 'retraining' }],
        alert: { id: 1, time: now - 14_000, breaches: ['AUC 0.648 is below 0.68'], run_id: RETRAINING.id },
        counts: { predictions: 33_410, labelled: 32_000 },
      }),
    ],
    runs: [run(now, { ...RETRAINING, at: 'train', ends: 'running', began: 11 }), firstRun(now, 330)],
    gate: goodGate(now, 42, ['data/flights-2013-04.csv']),
    events: events(now, [
      ['info', 'dag_run.created', 'automation:alert.raised', `Pipeline flights_training was started: ${RETRAINING.reason}`, 13],
      ['info', 'retraining.triggered', 'automation:alert.raised', 'Retraining of flights was started: AUC 0.648 is below 0.68', 13],
      ['warn', 'alert.raised', 'monitor:flights', 'Alert on flights: AUC 0.648 is below 0.68', 14],
      ['info', 'monitor.evaluated', 'monitor:flights', 'Monitor of flights: AUC 0.648 on 2000 labelled requests', 14],
      ['info', 'monitor.evaluated', 'monitor:flights', 'Monitor of flights: AUC 0.653 on 2000 labelled requests', 17],
      ['info', 'monitor.evaluated', 'monitor:flights', 'Monitor of flights: AUC 0.671 on 2000 labelled requests', 19],
      ['info', 'monitor.evaluated', 'monitor:flights', 'Monitor of flights: AUC 0.702 on 2000 labelled requests', 22],
      ['good', 'dag_run.state_changed', 'scheduler:pipelines', 'Pipeline flights_training is success', 38],
      ...earlier(300),
    ]),
  }),

  canary: (now) => ({
    stages: stages(now, {
      data: ['ok', '4 files', 'data/flights-2013-04.csv c1b09f44', 75],
      gate: ['ok', 'passed', '34 checks passed on 1 file', 77],
      train: ['ok', 'trained', RETRAINING.reason, 31],
      test: ['ok', 'passed', 'all 7 checks passed; AUC +0.022 against v1', 24],
      registry: ['ok', 'version 2', 'flights · Production', 22],
      rollout: ['active', 'v2 at 10 %', 'analysis live-health: 2 of 3 measurements', 1],
      monitor: ['warn', 'AUC 0.648', 'AUC 0.648 is below 0.68', 49],
    }),
    models: [
      model({
        champion: champion(now, 1),
        candidate: { version: 2, metrics: V2 },
        rollout: rollout(now, {
          version: 2, previous: 1, reason: 'v2 went to Production: better than v1 on the held-out weeks', phase: 'Progressing', message: 'analysis live-health is measuring', step: 2, weight: 10, began: 19, ended: null,
          metrics: [
            ['error-rate', '<= 0.02', [0, 0.0032], null],
            ['latency-p95', '<= 3.0', [1.08, 1.02], null],
            ['prediction-drift', '<= 3.0', [1.21, 1.36, 1.33], 'successful'],
          ],
        }),
        last_rollout: promoted(now, 1, null, 305),
        traffic: { weight: 10, requests_per_second: 31.2, requests: 1873, errors: 4, window_seconds: 60 },
        windows: windows(now - 48_000, APRIL),
        marks: [{ time: now - 48_000, event_time: Date.UTC(2013, 4, 1), kind: 'retraining', label: 'retraining' }],
        alert: { id: 1, time: now - 49_000, breaches: ['AUC 0.648 is below 0.68'], run_id: RETRAINING.id },
        counts: { predictions: 34_511, labelled: 32_000 },
      }),
    ],
    runs: [run(now, { ...RETRAINING, began: 51 }), firstRun(now, 365)],
    gate: goodGate(now, 77, ['data/flights-2013-04.csv']),
    events: events(now, [
      ['info', 'rollout.progressed', 'rollout:r-2', 'Rollout of flights version 2: analysis live-health begins', 8],
      ['info', 'rollout.progressed', 'rollout:r-2', 'Rollout of flights version 2: canary gets 10 % of the traffic', 18],
      ['info', 'rollout.created', 'automation:model_version.stage_changed', 'Rollout of flights version 2 was asked for: better than v1 on the held-out weeks', 19],
      ['info', 'model_version.stage_changed', 'task:promote', 'Model flights/2 went from None to Production', 20],
      ['good', 'gate.judged', 'task:test_battery', 'The battery gate says pass: all 7 checks passed; AUC +0.022 against v1 (DeLong p 0.0004)', 24],
      ['info', 'retraining.triggered', 'automation:alert.raised', 'Retraining of flights was started: AUC 0.648 is below 0.68', 48],
      ['warn', 'alert.raised', 'monitor:flights', 'Alert on flights: AUC 0.648 is below 0.68', 49],
      ...earlier(330),
    ]),
  }),

  rolledBack: (now) => ({
    stages: stages(now, {
      data: ['ok', '6 files', 'data/flights-2013-06.csv 3be01a77', 160],
      gate: ['ok', 'passed', '34 checks passed on 1 file', 162],
      train: ['ok', 'trained', 'asked for by user:ada', 62],
      test: ['ok', 'passed', 'all 7 checks passed; AUC +0.001 against v2', 55],
      registry: ['ok', 'version 3', 'flights · Production', 53],
      rollout: ['fail', 'v3 rolled back', 'v2 answers; error-rate failed: 0.2143 does not meet result <= 0.02', 12],
      monitor: ['ok', 'AUC 0.735', 'v2 on 2000 labelled requests', 18],
    }),
    models: [
      model({
        champion: champion(now, 2),
        last_rollout: rollout(now, {
          version: 3, previous: 2, reason: 'v3 went to Production: not worse than v2 on the held-out weeks', phase: 'Degraded', message: 'error-rate failed: 0.2143 does not meet `result <= 0.02`; all traffic is back on v2', step: 2, weight: 0, began: 28, ended: 12,
          metrics: [
            ['error-rate', '<= 0.02', [0.0112, 0.2143], 'failed'],
            ['latency-p95', '<= 3.0', [1.03, 1.11], null],
            ['prediction-drift', '<= 3.0', [1.18], null],
          ],
        }),
        traffic: { weight: 0, requests_per_second: 29.7, requests: 1782, errors: 31, window_seconds: 60 },
        windows: windows(now - 18_000, JUNE),
        marks: storyMarks(now, [{ time: now - 12_000, event_time: Date.UTC(2013, 6, 1), kind: 'rollback', label: 'v3 rolled back' }]),
        counts: { predictions: 50_214, labelled: 48_000 },
      }),
    ],
    runs: [run(now, { id: 'manual__2026-02-01T10:13:40+00:00', run_type: 'manual', reason: 'asked for by user:ada: try the new loss', began: 84 }), run(now, { ...RETRAINING, began: 400 }), firstRun(now, 700)],
    gate: goodGate(now, 162, ['data/flights-2013-06.csv']),
    events: events(now, [
      ['bad', 'rollout.aborted', 'rollout:r-3', 'flights version 3 was rolled back: error-rate failed: 0.2143 does not meet result <= 0.02', 12],
      ['info', 'rollout.progressed', 'rollout:r-3', 'Rollout of flights version 3: analysis live-health begins', 17],
      ['info', 'monitor.evaluated', 'monitor:flights', 'Monitor of flights: AUC 0.735 on 2000 labelled requests', 18],
      ['info', 'rollout.progressed', 'rollout:r-3', 'Rollout of flights version 3: canary gets 10 % of the traffic', 27],
      ['info', 'rollout.created', 'automation:model_version.stage_changed', 'Rollout of flights version 3 was asked for: not worse than v2 on the held-out weeks', 28],
      ['good', 'alert.resolved', 'monitor:flights', 'The alert on flights is resolved: v2 is within all limits', 240],
      ['good', 'rollout.completed', 'rollout:r-2', 'flights version 2 is in charge', 300],
      ...earlier(640),
    ]),
  }),

  gateFailed: (now) => ({
    stages: stages(now, {
      data: ['ok', '6 files', 'data/flights-2013-06.csv 3be01a77', 170],
      gate: ['fail', 'stopped', '3 of 34 checks failed on flights-2013-07.csv', 6],
      train: ['ok', 'trained', RETRAINING.reason, 372],
      test: ['ok', 'passed', 'all 7 checks passed; AUC +0.022 against v1', 366],
      registry: ['ok', 'version 2', 'flights · Production', 364],
      rollout: ['ok', 'v2 in charge', 'all steps are done', 300],
      monitor: ['ok', 'AUC 0.735', 'v2 on 2000 labelled requests', 22],
    }),
    models: [
      model({
        champion: champion(now, 2),
        last_rollout: promoted(now, 2, 1, 300),
        traffic: { weight: 0, requests_per_second: 30.4, requests: 1824, errors: 0, window_seconds: 60 },
        windows: windows(now - 22_000, JUNE),
        marks: storyMarks(now, []),
        counts: { predictions: 50_214, labelled: 48_000 },
      }),
    ],
    runs: [
      run(now, { id: 'data__2026-02-01T10:14:02+00:00', run_type: 'data', reason: '1 file arrived: flights-2013-07.csv', at: 'validate', ends: 'failed', why: 'exit code 1: the data gate says fail', began: 8 }),
      run(now, { ...RETRAINING, began: 400 }),
      firstRun(now, 700),
    ],
    gate: failedGate(now, 6),
    events: events(now, [
      ['bad', 'dag_run.state_changed', 'scheduler:pipelines', 'Pipeline flights_training is failed: task validate failed', 5],
      ['bad', 'gate.judged', 'task:validate', 'The data gate says fail: 3 of 34 checks failed on flights-2013-07.csv', 6],
      ['info', 'dag_run.created', 'automation:data.arrived', 'Pipeline flights_training was started: 1 file arrived', 8],
      ['info', 'data.arrived', 'watcher:incoming', 'New data: incoming/flights-2013-07.csv', 11],
      ['good', 'alert.resolved', 'monitor:flights', 'The alert on flights is resolved: v2 is within all limits', 240],
      ['good', 'rollout.completed', 'rollout:r-2', 'flights version 2 is in charge', 300],
      ...earlier(640),
    ]),
  }),
};

export function loopAt(moment: Moment, now: number): Loop {
  return { project: { name: 'flights' }, version: '0.1.0', time: now, ...STORY[moment](now) };
}

function model(parts: Partial<LoopModel>): LoopModel {
  return {
    name: 'flights',
    champion: null,
    candidate: null,
    rollout: null,
    last_rollout: null,
    traffic: { weight: 0, requests_per_second: 0, requests: 0, errors: 0, window_seconds: 60 },
    limits: LIMITS,
    windows: [],
    marks: [],
    alert: null,
    counts: { predictions: 0, labelled: 0 },
    ...parts,
  };
}

function champion(now: number, version: 1 | 2): LoopModel['champion'] {
  return version === 1
    ? { version, since: now - 270_000, run_id: '5f0c2ab97d1e4f9c8a4b7b7a2f1c9e01', reason: 'v1 went to Production: the first version', metrics: V1 }
    : { version, since: now - 300_000, run_id: '8c1d7be2640b4a5fae0f2f6f0a9b3c77', reason: 'v2 went to Production: better than v1 on the held-out weeks', metrics: V2 };
}

function promoted(now: number, version: number, previous: number | null, ended: number) {
  return rollout(now, {
    version, previous, reason: previous === null ? 'the first version' : `better than v${previous} on the held-out weeks`, phase: 'Healthy', message: 'all steps are done; it gets all traffic', step: 7, weight: 100, began: ended + 34, ended,
    metrics: [
      ['error-rate', '<= 0.02', [0, 0.0021, 0.0018], 'successful'],
      ['latency-p95', '<= 3.0', [1.04, 0.99, 1.01], 'successful'],
      ['prediction-drift', '<= 3.0', [1.11, 1.32, 1.28], 'successful'],
    ],
  });
}

function storyMarks(now: number, more: LoopModel['marks']): LoopModel['marks'] {
  return [
    { time: now - 340_000, event_time: Date.UTC(2013, 4, 1), kind: 'retraining', label: 'retraining' },
    { time: now - 300_000, event_time: Date.UTC(2013, 4, 1), kind: 'champion', label: 'v2 champion' },
    ...more,
  ];
}

function firstRun(now: number, began: number): Run {
  return run(now, { ...FIRST_RUN, began });
}

function earlier(ago: number): Parameters<typeof events>[1] {
  return [
    ['good', 'rollout.completed', 'rollout:r-1', 'flights version 1 is in charge', ago],
    ['info', 'rollout.created', 'automation:model_version.stage_changed', 'Rollout of flights version 1 was asked for: the first version', ago + 3],
    ['info', 'model_version.stage_changed', 'task:promote', 'Model flights/1 went from None to Production', ago + 4],
    ['good', 'gate.judged', 'task:test_battery', 'The battery gate says pass: all 6 checks passed', ago + 8],
    ['info', 'model_version.created', 'task:register', 'Model flights/1 was registered', ago + 9],
    ['good', 'gate.judged', 'task:validate', 'The data gate says pass: 102 checks passed on 3 files', ago + 28],
    ['info', 'dag_run.created', 'automation:data.arrived', 'Pipeline flights_training was started: 3 files arrived', ago + 30],
    ['info', 'data.arrived', 'watcher:incoming', 'New data: incoming/flights-2013-03.csv', ago + 33],
  ];
}

export const METRICS_OF = { 1: V1, 2: V2, 3: V3 };
