import type { Arrival, DataVersion, Lineage, Loop, RegisteredModel, RunDetail } from '../../src/api/types';
import { abTests } from './ab';
import { METRICS_OF } from './moments';
import { experiments } from './tracking';

/** What the other endpoints answer at a moment of the story: the same facts from another side. */
export function answer(path: string, loop: Loop, by: string | null = null): unknown {
  const model = loop.models[0];
  switch (path) {
    case '/api/v1/loop':
      return loop;
    case '/api/v1/runs':
      return { runs: loop.runs };
    case '/api/v1/tracking/experiments':
      return { experiments: loop.runs.length > 0 ? experiments(loop.time) : [] };
    case '/api/v1/models':
      return { models: models(loop) };
    case '/api/v1/rollouts':
      return { rollouts: [model?.rollout, model?.last_rollout].filter(Boolean) };
    case '/api/v1/data/versions':
      return { versions: versions(loop) };
    case '/api/v1/data/arrivals':
      return { arrivals: arrivals(loop) };
    case '/api/v1/gates':
      return { reports: loop.gate ? [loop.gate] : [] };
    case '/api/v1/events':
      return { events: loop.events };
    case '/api/v1/why':
      return model?.champion ? why(loop) : undefined;
    default:
      if (path.startsWith('/api/v1/ab/tests')) return model?.champion ? abTests(path, loop.time, by) : path === '/api/v1/ab/tests' ? { tests: [] } : undefined;
      return path.startsWith('/api/v1/rollouts/') ? rolloutAt(path, loop) : runDetail(path, loop);
  }
}

/** One rollout, or what was mirrored while it was under way. */
function rolloutAt(path: string, loop: Loop): unknown {
  const [id, part] = path.split('/').slice(4);
  const rollout = [loop.models[0]?.rollout, loop.models[0]?.last_rollout].find((one) => one?.id === id);
  if (!rollout || part !== 'shadow') return rollout ?? undefined;
  const comparison = (requests: number, agreement: number) => ({
    requests, agreement, distance: 0.041, error_rate: 0, live_latency_ms: 3.2, latency_ms: 4.1, latency_ratio: 1.28,
  });
  const mirrored = rollout.ended === null;
  const segments = [['JFK', 70, 0.985], ['EWR', 62, 0.935], ['LGA', 48, 0.96]] as const;
  return {
    comparison: comparison(mirrored ? 180 : 0, 0.961),
    by: { column: 'origin', segments: segments.map(([value, requests, agreement]) => ({ value, comparison: comparison(requests, agreement) })) },
    recent: mirrored ? [{ request_id: 'may-00007', features: { origin: 'JFK', dep_delay: 4 } }] : [],
    queue: { sent: 180, dropped: 3 },
  };
}

export const LOG = 'rows 80,789 of 3 files\niteration 10 of 60, held-out log loss 0.4412\niteration 20 of 60, held-out log loss 0.4307\niteration 30 of 60, held-out log loss 0.4258\n';

function runDetail(path: string, loop: Loop): RunDetail | undefined {
  const id = decodeURIComponent(path.split('/')[4] ?? '');
  const run = loop.runs.find((run) => run.run_id === id);
  if (!run) return undefined;
  const attempts = run.tasks.flatMap((task) =>
    task.started === null
      ? []
      : [
          {
            task_id: task.task_id,
            try_number: task.try_number,
            state: task.state,
            started: task.started,
            ended: task.ended,
            commit: '3f9d2c1ab07e4a55',
            result: task.ended === null ? null : { exit_code: task.state === 'failed' ? 1 : 0, cpu_seconds: (task.ended - task.started) / 1100, max_rss: 187_400_192 },
          },
        ],
  );
  return { ...run, attempts };
}

export function models(loop: Loop): RegisteredModel[] {
  const model = loop.models[0];
  if (!model?.champion) return [];
  const newest = Math.max(model.champion.version, model.candidate?.version ?? 0, model.last_rollout?.version ?? 0);
  const versions = Array.from({ length: newest }, (_, index) => (newest - index) as 1 | 2 | 3);
  return [
    {
      name: 'flights',
      serving: model.champion.version,
      on_trial: model.candidate?.version ?? null,
      weight: model.traffic.weight,
      ready: true,
      versions: versions.map((version) => ({
        version,
        stage: version === model.champion?.version ? 'Production' : 'Archived',
        aliases: version === model.champion?.version ? ['champion'] : [],
        run_id: '5f0c2ab97d1e4f9c8a4b7b7a2f1c9e01',
        created: loop.time - (4 - version) * 120_000,
        created_by: 'task:register',
        metrics: METRICS_OF[version],
      })),
    },
  ];
}

function versions(loop: Loop): DataVersion[] {
  const count = Number.parseInt(loop.stages[0]?.headline ?? '', 10) || 0;
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    path: `data/flights-2013-0${index + 1}.csv`,
    md5: `${index}cf4de0c0c7ad1f7e2a4dd6a3f4d0d51`,
    size: 2_914_000 + index * 151_300,
    commit: `${index}1b7e3f0aa9c4d6e`,
    time: loop.time - (count - index) * 90_000,
    actor: 'task:version_data',
  }));
}

function arrivals(loop: Loop): Arrival[] {
  return versions(loop)
    .map((version) => ({ id: version.id, path: version.path.replace('data', 'incoming'), size: version.size, time: version.time - 8000, claimed_by: version.id < 6 ? (loop.runs[0]?.run_id ?? null) : null }))
    .toReversed();
}

function why(loop: Loop): Lineage {
  const run = loop.runs[0];
  const last = loop.models[0]?.last_rollout;
  return {
    id: 'flights/2',
    prediction: null,
    model: {
      name: 'flights', version: 2, stage: 'Production', aliases: ['champion'], registered_by: 'task:register', registered: loop.time - 320_000,
      promoted: { actor: 'task:promote', time: loop.time - 318_000, reason: 'better than v1 on the held-out weeks', audit_seq: 214 },
    },
    rollout: last?.version === 2 ? { id: last.id, requested_by: last.requested_by, reason: last.reason, phase: last.state.phase, message: last.state.message, history: last.state.history } : null,
    run: { run_id: '8c1d7be2640b4a5fae0f2f6f0a9b3c77', name: 'bustling-gull-412', created_by: 'task:train', metrics: METRICS_OF[2], params: { learning_rate: '0.1', max_iter: '60' } },
    gates: [
      { gate: 'battery', subject: 'run:8c1d7be2', verdict: 'pass', summary: 'all 7 checks passed; AUC +0.022 against v1', time: loop.time - 324_000 },
      { gate: 'data', subject: 'md5:0cf4de0c', verdict: 'pass', summary: '34 checks passed on 1 file', time: loop.time - 362_000 },
    ],
    pipeline: run
      ? { dag_id: run.dag_id, run_id: run.run_id, run_type: run.run_type, reason: run.reason, commit: '3f9d2c1ab07e4a55', attempts: run.tasks.filter((task) => task.started !== null).map((task) => ({ task: task.task_id, try_number: 1, state: task.state, started: task.started ?? 0, ended: task.ended })) }
      : null,
    data: versions(loop).map(({ path, md5, size, commit }) => ({ path, md5, size, commit })),
    gaps: [],
  };
}
