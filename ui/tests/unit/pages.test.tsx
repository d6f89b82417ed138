import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { Analysis } from '../../src/features/loop/Analysis';
import { Delivery } from '../../src/features/loop/Delivery';
import { Pipeline } from '../../src/features/loop/Pipeline';
import { Ring } from '../../src/features/loop/Ring';
import { Actions } from '../../src/features/rollouts/Actions';
import { loopAt, type Moment, MOMENTS } from '../story/moments';

const NOW = Date.UTC(2026, 1, 1);

function delivery(moment: Moment): string {
  const model = loopAt(moment, NOW).models[0];
  return model ? renderToStaticMarkup(<Delivery model={model} />) : '';
}

describe('the ring', () => {
  it.each(MOMENTS)('has its seven stages at %s', (moment) => {
    const html = renderToStaticMarkup(<Ring stages={loopAt(moment, NOW).stages} returning={false} />);
    expect(html.match(/<li /g)).toHaveLength(7);
  });

  it('says which stage is at work', () => {
    const html = renderToStaticMarkup(<Ring stages={loopAt('canary', NOW).stages} returning={true} />);
    expect(html.match(/aria-current="step"/g)).toHaveLength(1);
    expect(html).toContain('train again');
  });
});

describe('who answers', () => {
  it('tells the shares of champion and candidate', () => {
    expect(delivery('canary')).toContain('aria-label="Traffic: v1 gets 90 %, v2 gets 10 %"');
    expect(delivery('gateFailed')).toContain('aria-label="Traffic: v2 gets 100 %"');
    expect(delivery('empty')).toContain('No traffic is served yet');
  });

  it('compares the candidate with the champion', () => {
    expect(delivery('canary')).toContain('+0.022');
    expect(delivery('canary')).toContain('delta-better');
  });

  it('tells how the last rollout ended', () => {
    expect(delivery('rolledBack')).toContain('rolled back');
    expect(delivery('rolledBack')).toContain('cut short');
    expect(delivery('aprilBreach')).toContain('promoted');
  });
});

describe('the pipeline', () => {
  it('shows the failing rows of a failed gate', () => {
    const { runs, gate } = loopAt('gateFailed', NOW);
    const html = renderToStaticMarkup(<Pipeline run={runs[0] ?? null} gate={gate} />);
    expect(html).toContain('known_carrier');
    expect(html).toContain('incoming/flights-2013-07.csv:1204');
    expect(html).toContain('3 of 24 failing rows');
    expect(html).toContain('the data gate says fail');
  });

  it('shows the telling ones of many broken checks', () => {
    const { runs, gate } = loopAt('gateFailed', NOW);
    const dumb = Array.from({ length: 4 }, (_, index) => ({ ...gate!.report.checks![0]!, name: `dumb_${index}`, sample: [] }));
    const report = { ...gate!.report, checks: [...dumb, ...gate!.report.checks!] };
    const html = renderToStaticMarkup(<Pipeline run={runs[0] ?? null} gate={{ ...gate!, report }} />);
    expect(html).toContain('known_carrier');
    expect(html).not.toContain('dumb_0');
    expect(html).toContain('and 4 more broken checks');
  });

  it('takes a report of another form', () => {
    const gate = { gate: 'data', subject: 's', verdict: 'fail' as const, time: NOW, summary: 'no contract', report: {} };
    expect(renderToStaticMarkup(<Pipeline run={loopAt('canary', NOW).runs[0] ?? null} gate={gate} />)).toContain('no contract');
  });
});

it('offers to undo and to try again only what still can be', () => {
  const { last_rollout: rollout } = loopAt('rolledBack', NOW).models[0]!;
  const buttons = (can_undo: boolean, can_retry: boolean) => renderToStaticMarkup(<Actions rollout={{ ...rollout!, in_charge: true, can_undo, can_retry }} />);
  expect(buttons(false, false)).not.toMatch(/Undo|Retry/);
  expect(buttons(true, false)).toContain('Undo');
  expect(buttons(false, true)).toContain('Retry');
});

it('an analysis marks what could not be measured', () => {
  const measurement = { time: NOW, value: null, assessment: 'error' as const, message: 'too few requests' };
  const html = renderToStaticMarkup(<Analysis analysis={{ started: NOW, metrics: [{ name: 'error-rate', next: NOW, measurements: [measurement], assessment: null }] }} />);
  expect(html).toContain('no measurement: too few requests');
});
