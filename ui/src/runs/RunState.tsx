import type { RunStatus } from '../api/tracking';
import { Badge, type Tone } from '../components/Badge';
import { Icon, type IconName } from '../components/Icon';

const LOOK: Record<RunStatus, { tone: Tone; icon: IconName; word: string }> = {
  RUNNING: { tone: 'active', icon: 'dot', word: 'running' },
  SCHEDULED: { tone: 'quiet', icon: 'clock', word: 'scheduled' },
  FINISHED: { tone: 'good', icon: 'ok', word: 'finished' },
  FAILED: { tone: 'bad', icon: 'fail', word: 'failed' },
  KILLED: { tone: 'warn', icon: 'fail', word: 'killed' },
};

export function StatusBadge({ status }: { status: RunStatus }) {
  const look = LOOK[status];
  return (
    <Badge tone={look.tone} icon={look.icon}>
      {look.word}
    </Badge>
  );
}

/** The same as one small sign in a row. */
export function StatusSign({ status }: { status: RunStatus }) {
  const look = LOOK[status];
  return (
    <span className={`sign tone-${look.tone}`} title={look.word}>
      {status === 'RUNNING' ? <span className="spinner" /> : <Icon name={look.icon} size={11} />}
      <span className="sr-only">{look.word}</span>
    </span>
  );
}
