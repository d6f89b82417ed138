import { usePoll } from '../../api/poll';
import type { Level, LoopEvent } from '../../api/types';
import { useParam } from '../../app/router';
import { Empty } from '../../components/Card';
import { EventList } from '../../components/EventList';
import { plural } from '../../components/format';
import { Loaded, Page } from '../../components/Page';
import { select } from './select';

const LEVELS: { level: Level; title: string }[] = [
  { level: 'bad', title: 'stopped or failed' },
  { level: 'warn', title: 'warnings' },
  { level: 'good', title: 'good news' },
  { level: 'info', title: 'the rest' },
];

export default function EventsPage() {
  const events = usePoll<{ events: LoopEvent[] }>('/api/v1/events?limit=200', 2000);
  const [level, setLevel] = useParam('level');
  const [text, setText] = useParam('q');
  return (
    <Page title="Events" lead="The last 200 things that happened, who did them and why.">
      <div className="filters">
        <input type="search" aria-label="Search events" placeholder="Search…" value={text ?? ''} onChange={(event) => setText(event.target.value)} />
        {LEVELS.map((choice) => (
          <button key={choice.level} type="button" className="chip" aria-pressed={level === choice.level} onClick={() => setLevel(level === choice.level ? null : choice.level)}>
            {choice.title}
          </button>
        ))}
      </div>
      <Loaded from={events}>{({ events }) => <Selected all={events} level={level} text={text} />}</Loaded>
    </Page>
  );
}

function Selected({ all, level, text }: { all: LoopEvent[]; level: string | null; text: string | null }) {
  const events = select(all, level, text);
  if (all.length === 0) return <Empty title="Nothing has happened yet">Everything that happens is told here.</Empty>;
  return (
    <div className="card">
      <p className="count" role="status">
        {events.length === all.length ? plural(all.length, 'event') : `${events.length} of ${plural(all.length, 'event')}`}
      </p>
      {events.length > 0 ? <EventList events={events} /> : <Empty title="None of them fits" />}
    </div>
  );
}
