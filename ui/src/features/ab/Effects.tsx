import { type Comparison, type Decision, exact, type Look, type Mode, type Reached, type TestArm } from '../../api/ab';
import { Badge } from '../../components/Badge';
import { Card } from '../../components/Card';
import { measured, percent, plural, whole } from '../../components/format';
import { course } from './course';
import { EffectChart } from './EffectChart';
import { adjustedSaid, armName, direction, gain, preferred, reachedSaid, scaleOf, verdictSaid } from './words';

interface EffectsProps {
  decision: Decision['decision'];
  looks: Look[];
  arms: TestArm[];
  mode: Mode | null;
  reached: Reached[];
}

/** Every goal, then every guardrail, of each candidate against the control. */
export function Effects({ decision, looks, arms, mode, reached }: EffectsProps) {
  const several = arms.length > 2;
  const goals = decision.comparisons.filter(({ role }) => role === 'goal');
  const alpha = percent(exact(decision.plan.alpha), 1).replace('.0', '');
  return (
    <div className="ab-effects">
      {decision.comparisons.map((comparison) => (
        <Card
          key={`${comparison.role} ${comparison.metric} ${comparison.arm}`}
          title={several ? `${comparison.metric}: ${armName(arms, comparison.arm)}` : comparison.metric}
          aside={`${comparison.role} · ${direction(decision.plan, comparison.metric)}`}
        >
          <Effect comparison={comparison} decision={decision} looks={looks} arms={arms} mode={mode} reached={reached} />
        </Card>
      ))}
      <ul className="ab-key" aria-label="How to read the charts">
        <li className="ab-key-gain">gain, positive is better</li>
        <li className="ab-key-band">interval, valid at every look ({alpha} error)</li>
        <li className="ab-key-boundary">boundary that a gain must cross{goals.length > 1 && '; wider once several goals are adjusted for each other'}</li>
        <li className="ab-key-limit">limit of a guardrail, judged by a one-sided bound that is narrower than the band</li>
      </ul>
    </div>
  );
}

interface EffectProps extends EffectsProps {
  comparison: Comparison;
}

function Effect({ comparison, decision, looks, arms, mode, reached }: EffectProps) {
  const { metric, arm, role } = comparison;
  const scale = scaleOf(decision.plan, metric);
  const said = verdictSaid(comparison);
  const drawn = course(looks, metric, arm, mode !== null && mode !== 'split');
  const limit = exact(comparison.limit);
  const lineLabel = drawn.pairs ? 'even' : role === 'goal' ? 'no difference' : `limit ${gain(limit, scale)}`;
  return (
    <>
      <div className="ab-verdict">
        <p className="ab-gain num">
          <strong>{estimateOf(comparison, decision)}</strong>
          {comparison.low !== null && comparison.high !== null && (
            <span className="ab-interval">{intervalSaid(comparison, scale)}</span>
          )}
        </p>
        <Badge tone={said.tone}>{said.title}</Badge>
      </div>
      <p className="ab-said">{said.text}</p>
      {drawn.units.length > 0 ? (
        <EffectChart
          summary={`Gain in ${metric} of ${armName(arms, arm)} with its interval over ${drawn.units.length} looks: ${said.title}`}
          course={drawn}
          scale={scale}
          lineLabel={lineLabel}
          planned={decision.plan.planned_units}
        />
      ) : (
        <p className="ab-nothing faint">There is nothing to draw until each arm has 100 units with outcomes.</p>
      )}
      <Values comparison={comparison} decision={decision} arms={arms} mode={mode} />
      <Adjusted metric={metric} snapshot={decision.snapshot} />
      {role === 'goal' && <HowFar reached={reached.find((one) => one.metric === metric && one.arm === arm)} scale={scale} />}
    </>
  );
}

/** What the estimate was adjusted by, and where values were cut. */
function Adjusted({ metric, snapshot }: { metric: string; snapshot: Decision['decision']['snapshot'] }) {
  const said = adjustedSaid(snapshot, metric);
  if (said.length === 0) return null;
  return (
    <dl className="facts ab-values">
      {said.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="num">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function HowFar({ reached, scale }: { reached: Reached | undefined; scale: 'difference' | 'log_ratio' }) {
  if (!reached) return null;
  return (
    <dl className="facts ab-values">
      {reachedSaid(reached, scale).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="num">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function estimateOf({ effect, metric, arm }: Comparison, { plan, snapshot }: Decision['decision']): string {
  if (effect) return gain(exact(effect.estimate), scaleOf(plan, metric));
  const evidence = snapshot.metrics[metric];
  const signs = evidence && 'signs' in evidence ? evidence.signs[arm - 1]?.test : undefined;
  const all = signs ? signs.only_champion + signs.only_candidate : 0;
  return signs && all > 0 ? `wins ${percent(signs.only_candidate / all, 1)}` : '–';
}

function intervalSaid({ low, high, effect }: Comparison, scale: 'difference' | 'log_ratio'): string {
  const read = (value: number) => (effect ? gain(value, scale) : percent(value, 1));
  return `${read(exact(low))} to ${read(exact(high))}`;
}

/** What each arm comes to, in the metric's own unit. */
function Values({ comparison: { metric, arm }, decision, arms, mode }: { comparison: Comparison; decision: Decision['decision']; arms: TestArm[]; mode: Mode | null }) {
  const evidence = decision.snapshot.metrics[metric];
  if (!evidence) return null;
  if ('split' in evidence) {
    const held = [0, arm].map((index) => ({ name: armName(arms, index), value: evidence.split[index] }));
    return (
      <dl className="facts ab-values">
        {held.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="num">
              {value ? measured(exact(value.sample.mean)) : '–'} {value && <span className="faint">of {whole(value.sample.n)}</span>}
            </dd>
          </div>
        ))}
      </dl>
    );
  }
  if ('signs' in evidence) {
    const signs = evidence.signs[arm - 1]?.test;
    if (!signs) return null;
    return (
      <dl className="facts ab-values">
        <div>
          <dt>{preferred(armName(arms, 0), mode)}</dt>
          <dd className="num">{plural(signs.only_champion, 'unit')}</dd>
        </div>
        <div>
          <dt>{preferred(armName(arms, arm), mode)}</dt>
          <dd className="num">{plural(signs.only_candidate, 'unit')}</dd>
        </div>
      </dl>
    );
  }
  return <p className="ab-values faint">The mean difference on the same requests, of {whole(evidence.paired[arm - 1]?.sample.n ?? 0)} units.</p>;
}
