import { useState } from 'react';
import { type Group, type Grouped, type Segments, type TestArm, testPath } from '../../api/ab';
import { type Polled, usePoll } from '../../api/poll';
import { Badge } from '../../components/Badge';
import { Card } from '../../components/Card';
import { day, whole } from '../../components/format';
import { Loaded } from '../../components/Page';
import { armName, gain, undecidedSaid } from './words';
import '../../runs/runs.css';

interface GroupsProps {
  name: string;
  arms: TestArm[];
  scaleOf: (metric: string) => 'difference' | 'log_ratio';
}

/** A group is computed from every request anew, so it is asked for rarely. */
const RARELY_MS = 60_000;
const ARRIVAL = '';
/** Standard errors of an interval at one look, at 5 %. */
const Z = 1.96;
/** The level at which groups are said to differ. */
const ALPHA = 0.05;

/** Gains by attribute of the units, or by when they came. */
export function Groups({ name, arms, scaleOf }: GroupsProps) {
  const [chosen, setChosen] = useState<string | null>(null);
  const known = usePoll<Segments>(`${testPath(name)}/segments`, RARELY_MS);
  const attributes = known.data?.attributes ?? [];
  const path = chosen === null ? null : chosen === ARRIVAL ? `${testPath(name)}/novelty` : `${testPath(name)}/segments?by=${encodeURIComponent(chosen)}`;
  const found: Polled<{ comparisons: Grouped[] }> = usePoll(path, RARELY_MS);
  const choice = (value: string, title: string) => (
    <button key={value} type="button" aria-pressed={chosen === value} onClick={() => setChosen(chosen === value ? null : value)}>
      {title}
    </button>
  );
  return (
    <Card title="Where it holds, and how long" aside="at one look: who looks at many groups finds something">
      <div className="segments ab-groups-by" role="group" aria-label="Units by">
        {choice(ARRIVAL, 'by arrival')}
        {attributes.map((attribute) => choice(attribute, attribute))}
      </div>
      {chosen === null ? (
        <p className="faint">By arrival shows whether an effect fades as units grow used to it. An attribute is that of a unit’s first request.</p>
      ) : (
        <Loaded from={found}>
          {({ comparisons }) => (
            <div className="ab-groups">
              {comparisons.map((one) => (
                <OneGrouped key={`${one.role} ${one.metric} ${one.arm}`} one={one} arrival={chosen === ARRIVAL} arms={arms} scale={scaleOf(one.metric)} />
              ))}
            </div>
          )}
        </Loaded>
      )}
    </Card>
  );
}

interface OneProps {
  one: Grouped;
  arrival: boolean;
  arms: TestArm[];
  scale: 'difference' | 'log_ratio';
}

function OneGrouped({ one, arrival, arms, scale }: OneProps) {
  const said = groupsSaid(one);
  const [least, most] = range(one.groups);
  const at = (value: number) => `${(100 * (value - least)) / (most - least)}%`;
  return (
    <section className="ab-grouped" aria-label={`${one.metric} of ${armName(arms, one.arm)} by group`}>
      <header className="ab-verdict">
        <h3>{arms.length > 2 ? `${one.metric}: ${armName(arms, one.arm)}` : one.metric}</h3>
        {said && <Badge tone={said.tone}>{said.title}</Badge>}
      </header>
      <table className="list ab-forest">
        <thead>
          <tr>
            <th scope="col">{arrival ? 'Came' : 'Group'}</th>
            <th scope="col" className="right">
              Units
            </th>
            <th scope="col" className="right">
              Gain
            </th>
            <th scope="col" className="ab-forest-plot">
              <span className="ab-forest-zero" style={{ left: at(0) }} aria-hidden="true" />
            </th>
          </tr>
        </thead>
        <tbody>
          {one.groups.map((group) => (
            <tr key={group.name} className={group.differs !== null && group.differs < ALPHA ? 'ab-differs' : undefined}>
              <td>{arrival ? came(group) : group.name}</td>
              <td className="num right">{whole(group.units.reduce((sum, count) => sum + count, 0))}</td>
              <td className="num right" title={group.undecided === null ? undefined : undecidedSaid(group.undecided)}>
                {group.estimate === null ? '–' : gain(group.estimate, scale)}
              </td>
              <td className="ab-forest-plot">
                <span className="ab-forest-zero" style={{ left: at(0) }} aria-hidden="true" />
                <Whisker group={group} at={at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Whisker({ group: { estimate, standard_error }, at }: { group: Group; at: (value: number) => string }) {
  if (estimate === null || standard_error === null) return null;
  const [low, high] = [estimate - Z * standard_error, estimate + Z * standard_error];
  return (
    <>
      <span className="ab-whisker" style={{ left: at(low), right: `calc(100% - ${at(high)})` }} />
      <span className="ab-dot" style={{ left: at(estimate) }} />
    </>
  );
}

/** All intervals, and zero, with air around. */
function range(groups: Group[]): [number, number] {
  const ends = groups.flatMap(({ estimate, standard_error }) => (estimate === null || standard_error === null ? [] : [estimate - Z * standard_error, estimate + Z * standard_error]));
  const [least, most] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const air = (most - least) * 0.06 || 1;
  return [least - air, most + air];
}

function came({ first, last }: Group): string {
  const [from, until] = [day(first), day(last)];
  return from === until ? from : `${from} to ${until}`;
}

/** What the groups say together. */
export function groupsSaid({ p, trend, groups }: Grouped): { tone: 'good' | 'warn' | 'quiet'; title: string } | null {
  if (trend?.novelty) return { tone: 'warn', title: 'fades with time' };
  if (trend && trend.p < ALPHA) return { tone: 'warn', title: 'moves with time' };
  if (trend) return { tone: 'good', title: 'no sign of fading' };
  if (p === null) return { tone: 'quiet', title: 'too few units to compare' };
  const different = groups.filter(({ differs }) => differs !== null && differs < ALPHA).map(({ name }) => name);
  if (p < ALPHA) return { tone: 'warn', title: different.length > 0 ? `differs: ${different.join(', ')}` : 'differs between groups' };
  return { tone: 'good', title: 'no sign of a difference' };
}
