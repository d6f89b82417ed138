import type { Gate, GateCheck, Level, LoopEvent, MonitorWindow, Rollout, Run, Stage, StageId, StageState, Task, TaskState } from '../../src/api/types';

/** The bricks of the story. Times count back from the moment that is shown, in seconds. */

const TITLES: Record<StageId, string> = {
  data: 'Data',
  gate: 'Gate',
  train: 'Train',
  test: 'Test',
  registry: 'Registry',
  rollout: 'Rollout',
  monitor: 'Monitor',
};

export const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July'];

type Told = [state: StageState, headline: string, detail: string, secondsAgo: number | null];

export function stages(now: number, told: Record<StageId, Told>): Stage[] {
  return (Object.keys(TITLES) as StageId[]).map((id) => {
    const [state, headline, detail, ago] = told[id];
    return { id, title: TITLES[id], state, headline, detail, time: ago === null ? null : now - ago * 1000 };
  });
}

const TASKS: [id: string, operator: string, seconds: number][] = [
  ['validate', 'BashOperator', 0.8],
  ['version_data', 'BashOperator', 1.9],
  ['needs_training', 'ShortCircuitOperator', 0.4],
  ['feature_tests', 'BashOperator', 3.1],
  ['train', 'PythonOperator', 14.2],
  ['evaluate', 'PythonOperator', 2.4],
  ['test_battery', 'BashOperator', 4.4],
  ['register', 'PythonOperator', 1.6],
  ['promote', 'PythonOperator', 0.7],
];

interface RunStory {
  id: string;
  reason: string;
  run_type: string;
  /** The task at work or the one that failed; none when all went well. */
  at?: string;
  ends?: 'running' | 'failed';
  why?: string;
  began: number;
}

export function run(now: number, story: RunStory): Run {
  const reached = story.at ? TASKS.findIndex(([id]) => id === story.at) : TASKS.length;
  let time = now - story.began * 1000;
  const started = time;
  const tasks = TASKS.map(([task_id, operator, seconds], index): Task => {
    const upstream = index === 0 ? [] : [TASKS[index - 1]?.[0] ?? ''];
    const state: TaskState = index < reached ? 'success' : index === reached ? (story.ends ?? 'running') : story.ends === 'failed' ? 'upstream_failed' : 'none';
    const begun = index <= reached;
    const task: Task = {
      task_id,
      operator,
      upstream,
      state,
      try_number: begun ? 1 : 0,
      started: begun ? time : null,
      ended: begun && state !== 'running' ? time + seconds * 1000 : null,
      reason: state === 'failed' ? (story.why ?? null) : null,
    };
    time += seconds * 1000;
    return task;
  });
  const state = story.ends ?? 'success';
  return {
    run_id: story.id,
    dag_id: 'flights_training',
    state,
    run_type: story.run_type,
    reason: story.reason,
    created: started - 300,
    started,
    ended: state === 'running' ? null : (tasks.findLast((task) => task.ended !== null)?.ended ?? null),
    tasks,
  };
}

const DAY = 86_400_000;

/** `perMonth` windows a month of 2013, judged by the monitor half a second apart, newest now. */
export function windows(now: number, months: { month: number; version: number; auc: number[]; psi: number; gap: number }[]): MonitorWindow[] {
  const all = months.flatMap(({ month, version, auc, psi, gap }) => {
    const length = (30 * DAY) / auc.length;
    return auc.map((value, index) => ({ start: Date.UTC(2013, month - 1, 1) + index * length, length, version, value, psi: psi + 0.02 * Math.sin(index * 2.1 + month), gap: gap + 0.008 * Math.cos(index * 1.7 + month) }));
  });
  return all.map((one, index) => ({
    id: index + 1,
    version: one.version,
    time: now - (all.length - index) * 2500,
    event_start: one.start,
    event_end: one.start + one.length,
    rows: 2000,
    values: { auc: one.value, brier: 0.24 - one.value / 12, label_rate: 0.24, mean_score: 0.24 - one.gap, calibration_gap: one.gap, score_psi: one.psi },
    breaches: one.value < 0.68 ? [`AUC ${one.value.toFixed(3)} is below 0.68`] : [],
  }));
}

const STEPS = ['set weight 10 %', 'pause 10s', 'analysis live-health', 'set weight 50 %', 'pause 10s', 'analysis live-health', 'set weight 100 %'];

type Metric = [name: string, limit: string, values: number[], verdict: 'successful' | 'failed' | null];

interface RolloutStory {
  version: number;
  previous: number | null;
  reason: string;
  phase: Rollout['state']['phase'];
  message: string;
  step: number;
  weight: number;
  began: number;
  ended: number | null;
  metrics: Metric[];
}

export function rollout(now: number, story: RolloutStory): Rollout {
  const started = now - story.began * 1000;
  const metrics = story.metrics.map(([name, limit, values, verdict]) => ({
    name,
    limit: `result ${limit}`,
    next: verdict === null ? now + 1000 : null,
    measurements: values.map((value, index) => {
      const failed = verdict === 'failed' && index === values.length - 1;
      return {
        time: started + 12_000 + index * 2000,
        value,
        assessment: failed ? ('failed' as const) : ('successful' as const),
        message: `${value.toFixed(4)} ${failed ? 'does not meet' : 'meets'} \`result ${limit}\``,
      };
    }),
    assessment: verdict,
  }));
  return {
    id: `r-${story.version}`,
    model: 'flights',
    version: story.version,
    previous: story.previous,
    requested_by: 'automation:model_version.stage_changed',
    reason: story.reason,
    created: started,
    ended: story.ended === null ? null : now - story.ended * 1000,
    in_charge: story.ended !== null && story.phase === 'Healthy',
    can_undo: story.ended !== null && story.phase === 'Healthy' && story.previous !== null,
    can_retry: story.phase === 'Degraded',
    strategy: 'canary' as const,
    warnings: [],
    header_routes: [],
    mirrors: story.ended === null ? [{ name: 'shadow', percentage: 50 }] : [],
    steps: STEPS.map((label, index) => ({ label, state: index < story.step ? 'done' : index === story.step && story.ended === null ? 'active' : 'pending' })),
    state: {
      phase: story.phase,
      message: story.message,
      step: story.step,
      weight: story.weight,
      analysis: metrics.length > 0 ? { started: started + 11_000, metrics } : null,
      completion: story.phase === 'Degraded' ? 'Aborted' : story.ended === null ? null : 'Promoted',
      aborted: story.phase === 'Degraded' ? now - (story.ended ?? 0) * 1000 : null,
      history: [
        { time: started, step: 0, what: 'canary gets 10 % of the traffic' },
        { time: started + 11_000, step: 2, what: 'analysis live-health begins' },
      ],
    },
  };
}

export function events(now: number, told: [level: Level, action: string, actor: string, text: string, secondsAgo: number][]): LoopEvent[] {
  return told.map(([level, action, actor, text, ago], index) => ({
    seq: 912 - index,
    time: now - ago * 1000,
    actor,
    action,
    subject: 'model:flights',
    reason: null,
    level,
    text,
  }));
}

function passed(count: number): GateCheck[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `check_${index}`, rule: 'range', column: null, severity: 'error', verdict: 'pass', measured: 0, expected: 'exactly 0', failing_rows: 0, sample: [], message: 'holds',
  }));
}

export function goodGate(now: number, ago: number, files: string[]): Gate {
  return {
    gate: 'data',
    subject: 'md5:0cf4de0c0c7ad1f7e2a4dd6a3f4d0d51',
    verdict: 'pass',
    time: now - ago * 1000,
    summary: `${files.length * 34} checks passed on ${files.length === 1 ? '1 file' : `${files.length} files`}`,
    report: {
      contract: { name: 'Flights from New York', version: '1.0.0', file: 'contracts/flights.odcs.yaml' },
      files: files.map((path, index) => ({ path, rows: 26_398 + index * 1213 })),
      checks: passed(files.length * 34),
    },
  };
}

export function failedGate(now: number, ago: number): Gate {
  const file = 'incoming/flights-2013-07.csv';
  const row = (line: number, values: Record<string, unknown>) => ({ file, line, values });
  return {
    gate: 'data',
    subject: 'md5:9a1f0b7e55c2e4d39c7f2b9b2f9d6a10',
    verdict: 'fail',
    time: now - ago * 1000,
    summary: '3 of 34 checks failed on flights-2013-07.csv: known_carrier, flight_once, dew_point_below_temperature',
    report: {
      contract: { name: 'Flights from New York', version: '1.0.0', file: 'contracts/flights.odcs.yaml' },
      files: [{ path: file, rows: 30_377 }],
      checks: [
        {
          name: 'dew_point_below_temperature', rule: 'sql', column: null, severity: 'error', verdict: 'fail', measured: 28_911, expected: 'exactly 0', failing_rows: 28_911,
          sample: [row(2, { temp: 26.1, dewp: 66.02 }), row(3, { temp: 26.1, dewp: 66.02 }), row(4, { temp: 25.6, dewp: 67.1 })],
          message: 'The dew point never exceeds the temperature; if it does, their units differ.',
        },
        {
          name: 'known_carrier', rule: 'invalidValues', column: 'carrier', severity: 'error', verdict: 'fail', measured: 24, expected: 'exactly 0', failing_rows: 24,
          sample: [row(1204, { carrier: '6B', flight: 725 }), row(1377, { carrier: '6B', flight: 371 }), row(1402, { carrier: '6B', flight: 143 })],
          message: '24 rows have a value other than 9E, AA, AS, B6, DL, EV, F9, FL, HA, MQ, OO, UA, US, VX, WN, YV',
        },
        {
          name: 'flight_once', rule: 'duplicateValues', column: null, severity: 'error', verdict: 'fail', measured: 952, expected: 'exactly 0', failing_rows: 952,
          sample: [row(29_426, { year: 2013, month: 7, day: 4, carrier: 'UA', flight: 1545, origin: 'EWR' }), row(29_427, { year: 2013, month: 7, day: 4, carrier: 'AA', flight: 1141, origin: 'JFK' })],
          message: 'A scheduled flight appears once.',
        },
        ...passed(31),
      ],
    },
  };
}
