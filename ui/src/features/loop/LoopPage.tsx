import type { Loop } from '../../api/types';
import { Link } from '../../app/router';
import { Card, Empty } from '../../components/Card';
import { EventList } from '../../components/EventList';
import { Delivery } from './Delivery';
import { Hero } from './Hero';
import { Pipeline } from './Pipeline';
import { Quality } from './Quality';
import { Ring } from './Ring';

/** The whole loop at one glance. */
export function LoopPage({ loop }: { loop: Loop }) {
  const { models, runs, gate, events, stages } = loop;
  const run = runs.find((run) => run.state === 'running') ?? runs[0] ?? null;
  return (
    <div className="loop">
      <Hero loop={loop} />
      <Ring stages={stages} returning={models.some((model) => model.alert !== null)} />
      <div className="loop-columns">
        <div className="loop-main">
          <div id="delivery" className="stack">
            {models.length === 0 && <NoModel />}
            {models.map((model) => (
              <Delivery key={model.name} model={model} />
            ))}
          </div>
          <div id="quality" className="stack">
            {models.map((model) => (
              <Quality key={model.name} model={model} />
            ))}
          </div>
          <div id="pipeline">
            <Pipeline run={run} gate={gate} />
          </div>
        </div>
        <Card title="Latest events" className="loop-events" aside={<Link href="/events">all events</Link>}>
          {events.length > 0 ? <EventList events={events} /> : <Empty title="Nothing has happened yet">Everything that happens is told here, with who did it and why.</Empty>}
        </Card>
      </div>
    </div>
  );
}

function NoModel() {
  return (
    <Card title="In production">
      <Empty title="No model is configured">A section [model.NAME] in mainspring.toml names the model that this project releases.</Empty>
    </Card>
  );
}
