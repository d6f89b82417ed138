import type { LoopEvent } from '../../api/types';

/** The events of a level whose text, actor or subject contains every word that was asked for. */
export function select(events: LoopEvent[], level: string | null, text: string | null): LoopEvent[] {
  const words = (text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  return events.filter((event) => {
    if (level && event.level !== level) return false;
    const said = `${event.text} ${event.actor} ${event.action} ${event.subject}`.toLowerCase();
    return words.every((word) => said.includes(word));
  });
}
