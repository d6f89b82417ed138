import { expect, it } from 'vitest';
import { select } from '../../src/features/events/select';
import { loopAt } from '../story/moments';

const { events } = loopAt('canary', Date.UTC(2026, 1, 1));

it('shows all without a wish', () => expect(select(events, null, null)).toHaveLength(events.length));

it('selects by level', () => {
  expect(select(events, 'warn', '').map((event) => event.action)).toEqual(['alert.raised']);
});

it('wants every word, in any order and case', () => {
  expect(select(events, null, 'TRAFFIC canary')).toHaveLength(1);
  expect(select(events, null, 'traffic nonsense')).toHaveLength(0);
});
