import { defineConfig } from 'vitest/config';

// One browser, one page after the other: the tests share a mock server whose story they move.
export default defineConfig({
  test: {
    include: ['tests/browser/**/*.test.ts'],
    environment: 'node',
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
