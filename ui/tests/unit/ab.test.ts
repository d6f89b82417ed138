import { describe, expect, it } from 'vitest';
import { type Comparison, type Decision, exact, type Grouped, type Look, type Reached, type TestDetail } from '../../src/api/ab';
import { course, unitRange, unitsOf, valueRange } from '../../src/features/ab/course';
import { lineOf } from '../../src/features/ab/FileEditor';
import { groupsSaid } from '../../src/features/ab/Groups';
import { answerSaid, around, KINDS, problem, question, skeleton } from '../../src/features/ab/plan';
import { adjustedSaid, gain, MODE_SAID, outcomeSaid, preferred, reachedSaid, span, splitSaid, verdictSaid, waitingSaid, warningSaid } from '../../src/features/ab/words';
import { abTests, planned } from '../story/ab';

const NOW = Date.UTC(2026, 1, 1);

function detail(name: string): TestDetail {
  return abTests(`/api/v1/ab/tests/${name}`, NOW) as TestDetail;
}

function facts(name: string): Decision['decision'] {
  const { decision } = detail(name);
  if (!decision) throw new Error(`${name} has no decision`);
  return decision.decision;
}

function looks(name: string): Look[] {
  return (abTests(`/api/v1/ab/tests/${name}/looks`, NOW) as { looks: Look[] }).looks;
}

describe('numbers of decisions', () => {
  it('are read from text, with those that JSON does not have', () => {
    expect([exact('-0.25'), exact(3), exact('inf'), exact('-inf'), exact('1e-7')]).toEqual([-0.25, 3, Infinity, -Infinity, 1e-7]);
    expect([exact('NaN'), exact(null)]).toEqual([NaN, NaN]);
  });

  it('are said with three telling digits and their sign', () => {
    expect([gain(0.01226, 'difference'), gain(-4.31, 'difference'), gain(0, 'difference')]).toEqual(['+0.0123', '−4.31', '+0']);
    expect(gain(0.00001234, 'difference')).toBe('+1.23e-5');
    expect(gain(Math.log(1.05), 'log_ratio')).toBe('+5.00 %');
    expect(gain(Number.NaN, 'difference')).toBe('–');
  });
});

describe('the split', () => {
  const { arms } = detail('cheaper-first');
  const at = (logE: string) => splitSaid({ ...facts('cheaper-first'), srm_log_e: logE }, arms);

  it('is green, amber halfway to the threshold, and red from it on', () => {
    // Units, and the outcomes of two metrics, share one false alarm in a hundred.
    const limit = Math.log(300);
    expect(at('0').tone).toBe('good');
    expect(at(`${limit / 2 - 0.01}`).tone).toBe('good');
    expect(at(`${limit / 2}`).tone).toBe('warn');
    expect(at(`${limit - 1e-9}`).tone).toBe('warn');
    expect(at(`${limit}`).tone).toBe('bad');
  });

  it('is never green when it cannot be told', () => {
    expect([at('inf').tone, at('NaN').tone]).toEqual(['bad', 'bad']);
  });

  it('says what was seen, and what was planned', () => {
    expect(at('0').text).toContain('8,800 : 8,712 units, planned 50 % : 50 %');
    expect(at('0').text).toContain('E-value 1.0 of 300');
  });

  it('is no question when all arms answer the same requests', () => {
    expect(splitSaid(facts('same-requests'), detail('same-requests').arms).tone).toBe('quiet');
  });
});

describe('words', () => {
  const { arms } = detail('weather-features');

  it('say how a test stands', () => {
    expect(outcomeSaid({ outcome: 'winner', arm: 1 }, arms)).toBe('candidate wins');
    expect(outcomeSaid({ outcome: 'winner', arm: 7 }, arms)).toBe('arm 7 wins');
    expect(outcomeSaid({ outcome: 'stop', because: 'sample_ratio_mismatch' }, arms)).toContain('not split as planned');
    expect(outcomeSaid({ outcome: 'keep_champion', because: 'harm' }, arms)).toContain('The control stays: every candidate violates');
    const alone = arms.map((arm, at) => ({ ...arm, weight: at === 0 ? 1 : 0 }));
    expect(outcomeSaid({ outcome: 'keep_champion', because: 'harm' }, alone)).toContain('The control stays: no candidate has weight');
  });

  it('say what is waited for, with its figures', () => {
    const known = facts('cheaper-first');
    expect(waitingSaid('time', known)).toBe('There is no winner before 7 days; 1 day 16 h are over.');
    expect(waitingSaid('units', known)).toBe('Each arm needs at least 100 units; the smallest has 8,712.');
    expect(waitingSaid('outcomes', known)).toContain('95 %');
    expect(waitingSaid('earning', known)).toContain('Weights follow the results');
    expect(waitingSaid('look', { ...known, snapshot: { ...known.snapshot, looks: [4000, 8000] } })).toContain('8,000 of');
    expect(waitingSaid('guardrail', { ...known, comparisons: known.comparisons.map((one) => ({ ...one, verdict: 'open' as const })) })).toContain('latency');
    const undecided = known.comparisons.map((one) => ({ ...one, verdict: { undecided: 'no_variance' } }));
    expect(waitingSaid('undecided', { ...known, comparisons: undecided })).toBe('Cannot be compared yet: booked, latency.');
  });

  it('say what a comparison shows, and why it shows nothing', () => {
    const [goal, guardrail] = facts('weather-features').comparisons as [Comparison, Comparison];
    expect([verdictSaid(goal).title, verdictSaid(guardrail).title]).toEqual(['better', 'holds']);
    expect(verdictSaid({ ...guardrail, verdict: 'worse' })).toMatchObject({ tone: 'bad', title: 'violated' });
    expect(verdictSaid({ ...goal, verdict: { undecided: 'no_variance' } }).text).toContain('do not vary');
    expect(verdictSaid({ ...goal, verdict: { undecided: { parameter: 'margin' } } })).toMatchObject({ tone: 'warn', title: 'not comparable' });
  });

  it('say how far a goal has come', () => {
    const [reached] = detail('cheaper-first').progress as [Reached];
    expect(reachedSaid(reached, 'difference')).toEqual([
      ['Power reached', '43.1 % for the effect that matters, 0.0200'],
      ['A look now finds', '+0.0268 or more with 80 %'],
      ['Better with', '94.7 % (Bayes, flat prior)'],
      ['Expected loss', '0.000200 if taken, 0.0113 if not'],
    ]);
    const bare = { ...reached, smallest: null, power: null, detectable: null, chance_to_win: 0.99999 };
    expect(reachedSaid(bare, 'log_ratio').map(([, value]) => value)).toEqual(['over 99.9 % (Bayes, flat prior)', '0.0200 % if taken, 1.14 % if not']);
  });

  it('say what groups say together', () => {
    const [grouped] = (abTests('/api/v1/ab/tests/cheaper-first/segments', NOW, 'carrier') as { comparisons: Grouped[] }).comparisons as [Grouped, Grouped];
    expect(groupsSaid(grouped)).toEqual({ tone: 'warn', title: 'differs: B6' });
    expect(groupsSaid({ ...grouped, p: 0.2 })?.title).toBe('no sign of a difference');
    expect(groupsSaid({ ...grouped, p: null })?.title).toContain('too few');
    const trend = { slope_per_day: -0.01, standard_error: 0.002, p: 0.001, novelty: true };
    expect(groupsSaid({ ...grouped, trend })?.title).toBe('fades with time');
    expect(groupsSaid({ ...grouped, trend: { ...trend, novelty: false } })?.title).toBe('moves with time');
  });

  it('finds the line that a refusal names', () => {
    expect(lineOf('test:4:3: unknown metric `x`')).toBe(4);
    expect(lineOf('`x` is there already')).toBeNull();
  });

  it('say what to look at', () => {
    expect(warningSaid('seen_in_several')).toContain('several arms');
    expect(warningSaid({ too_good: 'booked' })).toContain('`booked`');
    expect(warningSaid({ same_arms_differ: 'booked' })).toContain('the same');
  });

  it('say how long', () => {
    expect([span(40), span(3600), span(86_400), span(9 * 86_400 + 7200)]).toEqual(['40 s', '1 h', '1 day', '9 days 2 h']);
  });
});

describe('the course of a comparison', () => {
  it('has an interval, and a boundary of half its width for goals', () => {
    const found = course(looks('weather-features'), 'booked', 1, false);
    expect(found.units).toHaveLength(52);
    expect(found.line).toBe(0);
    for (const [index, low] of found.low.entries()) {
      const [high, above, below, estimate] = [found.high[index], found.above[index], found.below[index], found.estimate[index]] as number[];
      expect(above).toBeCloseTo((high! - low!) / 2, 12);
      expect(below).toBe(-above!);
      // The interval leaves zero behind just where the gain crosses the boundary.
      expect(low! > 0).toBe(estimate! > above!);
    }
  });

  it('has the limit of a guardrail, and no boundary', () => {
    const found = course(looks('weather-features'), 'latency', 1, false);
    expect(found.line).toBeCloseTo(-Math.log(1.05), 12);
    expect(found.above.every((value) => value === null)).toBe(true);
  });

  it('is of shares around one half for pairs that are right or wrong', () => {
    const found = course(looks('same-requests'), 'booked', 1, true);
    expect([found.pairs, found.line]).toEqual([true, 0.5]);
    expect(found.units.at(-1)).toBe(220 * 25);
    expect(found.estimate.every((value) => value === null)).toBe(true);
  });

  it('leaves out what could not be compared, and keeps units rising', () => {
    const all = looks('weather-features').slice(0, 6);
    const without = all.map((look, index) => (index === 2 ? { ...look, comparisons: look.comparisons.map((one) => ({ ...one, low: null })) } : look));
    expect(course(without, 'booked', 1, false).units).toHaveLength(5);
    const again = [...all, { ...all[5]!, units: all[3]!.units }];
    const { units } = course(again, 'booked', 1, false);
    expect(units).toEqual([...units].sort((a, b) => a - b));
    expect(new Set(units).size).toBe(units.length);
    expect(course([], 'booked', 1, false).units).toEqual([]);
  });

  it('is shown from its settled part on, with the line in sight', () => {
    const found = course(looks('weather-features'), 'latency', 1, false);
    const [least, most] = valueRange(found);
    expect(least).toBeLessThan(found.line);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(found.high[0] as number);
    expect(unitRange(found, 1e6)[1]).toBeLessThan(1e6);
    expect(unitRange(found, 24_000)[1]).toBeGreaterThan(24_000);
  });

  it('counts the same requests once', () => {
    expect([unitsOf([10, 12], false), unitsOf([12, 12], true), unitsOf([], true)]).toEqual([22, 12, 0]);
  });
});

describe('the planner', () => {
  const ask = (kind: 'mean' | 'proportion' | 'paired', written: Record<string, string> = {}) => question(kind, (field) => written[field.key] ?? field.default);

  it.each(KINDS.map(({ kind }) => kind))('asks something sensible of %s at first', (kind) => {
    const asked = ask(kind);
    expect(asked).not.toBeNull();
    expect(problem(asked!)).toBeNull();
    expect(asked!.arms).toBe(2);
  });

  it('asks nothing that is out of range', () => {
    expect(ask('proportion', { effect: '0' })).toBeNull();
    expect(ask('proportion', { effect: '0.95' })).toBeNull();
    expect(ask('proportion', { baseline: '' })).toBeNull();
    expect(ask('proportion', { baseline: 'much' })).toBeNull();
    expect(ask('mean', { deviation: '-1' })).toBeNull();
    expect(ask('mean', { alpha: '0.5' })).toBeNull();
    expect(ask('mean', { arms: '2.5' })).toBeNull();
    expect(ask('paired', { effect: '0.06' })).toBeNull();
    expect(ask('mean', { units_per_day: '' })?.units_per_day).toBeNull();
  });

  it('draws only effects that can be planned', () => {
    const asked = ask('paired', { effect: '0.03' })!;
    expect(around(asked).map(({ effect }) => effect).every((effect) => effect < 0.05)).toBe(true);
    expect(around(asked).some(({ effect }) => effect === asked.effect)).toBe(true);
  });

  it('answers in words', () => {
    const asked = ask('proportion')!;
    const answer = { control: 14_751, candidate: 14_751, total: 29_502, alpha: 0.05, power: 0.8, days: 3, weeks: 1 };
    expect(answerSaid(asked, answer)).toEqual(['14,751 units in each arm, 29,502 in all.', 'That is 3 days of traffic. Run it for 1 whole week, so that every day of the week counts alike.']);
    expect(answerSaid({ ...asked, arms: 3 }, { ...answer, days: null, weeks: null })).toEqual(['14,751 units in the control and 14,751 in each other arm, 29,502 in all.']);
    expect(answerSaid(ask('paired')!, answer)[0]).toBe('29,502 requests, each answered by both models.');
  });

  it('writes a file with all arms, the size and whole weeks', () => {
    const asked = ask('mean', { arms: '3', alpha: '0.01', effect: '-1', units_per_day: '1000' })!;
    const text = skeleton(asked, { ...planned(asked), total: 9000, weeks: 2 });
    expect(text).toContain('  - {name: candidate-2, version: 3}\n');
    expect(text).toContain('better: lower, effect: 1}');
    expect(text).toContain('  planned_units: 9000\n  minimum_runtime: 14d\n  alpha: 0.01\n');
    expect(skeleton(ask('paired')!, planned(ask('paired')!))).toContain('mode: shadow\n');
  });
});

describe('what estimates are adjusted by', () => {
  const snapshot = (more: object) => ({ ...facts('weather-features').snapshot, ...more });

  it('is told by metric, with the units of all arms', () => {
    const arms = (a: number, b: number) => [{ n: a, mean: '1' }, { n: b, mean: '2' }];
    const strata = { booked: [{ name: 'DE', arms: arms(1200, 1203) }, { name: 'the rest', arms: arms(100, 101) }] };
    const held = snapshot({ strata, caps: { booked: '412.5' } });
    expect(adjustedSaid(held, 'booked')).toEqual([
      ['Strata', 'DE 2,403 · the rest 201'],
      ['Values above count as it', '413'],
    ]);
    expect(adjustedSaid(held, 'latency')).toEqual([]);
    expect(adjustedSaid(snapshot({}), 'booked')).toEqual([]);
  });

  it('and pairs are told as what they are', () => {
    expect(preferred('new', 'interleaved')).toBe('prefer new');
    expect(preferred('new', 'shadow')).toBe('only new right');
    expect(MODE_SAID.interleaved).toContain('merged into one');
  });
});
