import type { Loop, LoopModel } from '../../api/types';
import type { Tone } from '../../components/Badge';
import { fixed } from '../../components/format';

export interface Headline {
  tone: Tone;
  /** Where things stand, in a sentence. */
  title: string;
  detail: string;
}

/** What a person who opens the page wants to know first. */
export function headline(loop: Loop): Headline {
  const model = loop.models[0];
  const running = loop.runs.find((run) => run.state === 'running' || run.state === 'queued');
  if (model?.rollout) return onTrial(model, model.rollout);
  if (model?.alert) return alerted(model.alert, model, running !== undefined);
  if (running) {
    const title = model?.champion ? `The pipeline is running; v${model.champion.version} answers meanwhile` : 'The pipeline is running';
    return { tone: 'active', title, detail: running.reason };
  }
  if (loop.gate?.verdict === 'fail' && gateSpokeLast(loop)) {
    return { tone: 'bad', title: 'The data gate stopped the latest files', detail: `${loop.gate.summary}. Nothing was trained on them.` };
  }
  const last = model?.last_rollout;
  if (last && last.state.phase === 'Degraded' && model.champion && last.created >= model.champion.since) {
    return { tone: 'warn', title: `v${last.version} was rolled back; v${model.champion.version} answers`, detail: last.state.message };
  }
  return model?.champion ? healthy(model) : waiting(loop);
}

function onTrial(model: LoopModel, rollout: NonNullable<LoopModel['rollout']>): Headline {
  const weight = model.traffic.weight;
  const title =
    rollout.previous === null && !model.champion
      ? `v${rollout.version} is on its way to production`
      : `v${rollout.version} is on trial with ${weight} % of the traffic`;
  return { tone: 'active', title, detail: rollout.state.message };
}

function alerted(alert: NonNullable<LoopModel['alert']>, model: LoopModel, running: boolean): Headline {
  const what = running ? 'a new version is being trained' : 'no retraining is running';
  const who = model.champion ? `v${model.champion.version}` : model.name;
  return { tone: running ? 'warn' : 'bad', title: `${who} is beyond its limits; ${what}`, detail: alert.breaches.join('; ') };
}

/** The gate's word counts as news until a run has ended well after it. */
function gateSpokeLast(loop: Loop): boolean {
  const time = loop.gate?.time ?? 0;
  return !loop.runs.some((run) => run.state === 'success' && (run.ended ?? 0) > time);
}

function healthy(model: LoopModel): Headline {
  const version = model.champion?.version;
  const auc = model.windows.at(-1)?.values.auc;
  const limit = model.limits?.min_auc;
  const title = `v${version} answers all traffic`;
  if (typeof auc !== 'number') return { tone: 'good', title, detail: 'Quality is judged as soon as labels come back.' };
  const against = typeof limit === 'number' ? `, the limit is ${limit}` : '';
  return { tone: 'good', title, detail: `AUC ${fixed(auc)} on the latest labelled requests${against}` };
}

function waiting(loop: Loop): Headline {
  const seen = loop.stages.some((stage) => stage.state !== 'idle');
  return {
    tone: 'quiet',
    title: seen ? 'No model is in production yet' : 'Waiting for the first data',
    detail: 'A file that arrives in the watched folder starts the loop: it is checked, versioned and trained on, and the model is tested and released.',
  };
}
