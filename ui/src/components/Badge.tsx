import type { ReactNode } from 'react';
import type { Level, Phase, Rollout, RunState, TaskState, Verdict } from '../api/types';
import { Icon, type IconName } from './Icon';

/** The few meanings that colour has here. */
export type Tone = 'good' | 'warn' | 'bad' | 'active' | 'quiet';

export function Badge({ tone, icon, children }: { tone: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={`badge tone-${tone}`}>
      {icon && <Icon name={icon} size={12} />}
      {children}
    </span>
  );
}

interface Look {
  tone: Tone;
  icon: IconName;
  word: string;
}

export const TASK_LOOK: Record<TaskState, Look> = {
  none: { tone: 'quiet', icon: 'dot', word: 'waiting' },
  queued: { tone: 'quiet', icon: 'clock', word: 'queued' },
  running: { tone: 'active', icon: 'dot', word: 'running' },
  success: { tone: 'good', icon: 'ok', word: 'succeeded' },
  failed: { tone: 'bad', icon: 'fail', word: 'failed' },
  skipped: { tone: 'quiet', icon: 'skip', word: 'skipped' },
  upstream_failed: { tone: 'quiet', icon: 'blocked', word: 'not reached: an earlier task failed' },
  up_for_retry: { tone: 'warn', icon: 'retry', word: 'will be tried again' },
};

const RUN_LOOK: Record<RunState, Look> = {
  queued: { tone: 'quiet', icon: 'clock', word: 'queued' },
  running: { tone: 'active', icon: 'dot', word: 'running' },
  success: { tone: 'good', icon: 'ok', word: 'succeeded' },
  failed: { tone: 'bad', icon: 'fail', word: 'failed' },
};

const VERDICT_LOOK: Record<Verdict, Look> = {
  pass: { tone: 'good', icon: 'ok', word: 'passed' },
  warn: { tone: 'warn', icon: 'warn', word: 'passed with warnings' },
  fail: { tone: 'bad', icon: 'fail', word: 'stopped' },
};

const PHASE_LOOK: Record<Phase, Look> = {
  Progressing: { tone: 'active', icon: 'dot', word: 'progressing' },
  Paused: { tone: 'active', icon: 'clock', word: 'paused' },
  Degraded: { tone: 'bad', icon: 'fail', word: 'rolled back' },
  Healthy: { tone: 'good', icon: 'ok', word: 'promoted' },
};

export const LEVEL_LOOK: Record<Level, { tone: Tone; icon: IconName }> = {
  info: { tone: 'quiet', icon: 'info' },
  good: { tone: 'good', icon: 'ok' },
  warn: { tone: 'warn', icon: 'warn' },
  bad: { tone: 'bad', icon: 'fail' },
};

export function RunBadge({ state }: { state: RunState }) {
  return <Said look={RUN_LOOK[state]} />;
}

export function VerdictBadge({ verdict }: { verdict: Verdict }) {
  return <Said look={VERDICT_LOOK[verdict]} />;
}

export function PhaseBadge({ phase }: { phase: Phase }) {
  return <Said look={PHASE_LOOK[phase]} />;
}

/** How a rollout stands or ended; the phase alone does not say which version won. */
export function RolloutBadge({ rollout }: { rollout: Rollout }) {
  const { phase } = rollout.state;
  if (rollout.ended === null && phase === 'Degraded') return <Badge tone="bad">stuck</Badge>;
  if (rollout.ended !== null && phase === 'Healthy' && rollout.in_charge === false) return <Badge tone="quiet">withdrawn</Badge>;
  return <PhaseBadge phase={phase} />;
}

export function AttemptBadge({ state }: { state: string }) {
  const look = state in TASK_LOOK ? TASK_LOOK[state as TaskState] : { tone: 'quiet' as const, icon: 'dot' as const, word: state };
  return <Said look={look} />;
}

function Said({ look }: { look: Look }) {
  return (
    <Badge tone={look.tone} icon={look.icon}>
      {look.word}
    </Badge>
  );
}
