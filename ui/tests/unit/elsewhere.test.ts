import { expect, test } from 'vitest';
import { workspaceOf } from '../../src/components/Elsewhere';

test('a model names its workspace, unless it is the default one', () => {
  expect(workspaceOf('flights')).toBeNull();
  expect(workspaceOf('team-a:flights')).toBe('team-a');
});
