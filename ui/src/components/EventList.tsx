import { useRef } from 'react';
import type { LoopEvent } from '../api/types';
import { LEVEL_LOOK } from './Badge';
import { actor } from './format';
import { Icon } from './Icon';
import { Prose } from './Prose';
import { Ago } from './Time';

/** Events, newest first. What arrives while one looks on slides in. */
export function EventList({ events }: { events: LoopEvent[] }) {
  const seen = useRef<number | null>(null);
  seen.current ??= events[0]?.seq ?? 0;
  const before = seen.current;
  return (
    <ol className="events">
      {events.map((event) => (
        <li key={event.seq} className={event.seq > before ? 'event event-new' : 'event'}>
          <div className="event-body">
            <span className={`event-icon tone-${LEVEL_LOOK[event.level].tone}`}>
              <Icon name={LEVEL_LOOK[event.level].icon} size={12} />
            </span>
            <div className="event-said">
              <p className="event-text">
                <Prose text={event.text} />
              </p>
              <p className="event-by">
                <span>{actor(event.actor)}</span> · <Ago time={event.time} />
              </p>
            </div>
          </div>
        </li>
      ))}
    </ol>
  );
}
