import { Badge, type Tone } from '../../components/Badge';

const TONES: Record<string, Tone> = { Production: 'active', Staging: 'warn' };

/** The stage of a version; nothing for one that has none. */
export function StageBadge({ stage }: { stage: string }) {
  return stage === 'None' ? null : <Badge tone={TONES[stage] ?? 'quiet'}>{stage}</Badge>;
}
