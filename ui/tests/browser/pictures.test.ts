import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { MockServer } from '../mock/server';
import { MOMENTS } from '../story/moments';
import { runId } from '../story/tracking';
import { launch, type Look, open } from './browser';

const FOLDER = process.env.PICTURES;
const LOOKS: Record<string, Look> = {
  1440: { width: 1440 },
  1280: { width: 1280 },
  800: { width: 800 },
  'dark-1440': { width: 1440, colorScheme: 'dark' },
};
const PAGES = [
  '/data',
  '/pipelines',
  '/pipelines/alert__2026-02-01T10%3A06%3A12%2B00%3A00',
  '/experiments',
  '/experiments/1',
  `/experiments/1/runs/${runId('1', 1)}`,
  `/experiments/compare?runs=${[1, 2, 3, 5].map((index) => runId('1', index)).join(',')}`,
  '/models',
  '/models/flights',
  '/models/flights/3',
  '/models/flights/2/why',
  '/rollouts',
  '/ab',
  '/ab/plan',
  '/ab/cheaper-first',
  '/rollouts/r-3',
  '/events',
];

/** Pictures for people: `PICTURES=folder npm run test:browser -- pictures`. */
describe.skipIf(!FOLDER)('pictures', () => {
  const server = new MockServer('dist');
  let browser: Browser;
  const folder = FOLDER ?? '';

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    await server.start();
    browser = await launch();
  });

  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  for (const moment of MOMENTS) {
    for (const [name, look] of Object.entries(LOOKS)) {
      it(`${moment} at ${name}`, async () => {
        server.show(moment);
        const { page } = await open(browser, server.url, look);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.waitForTimeout(900);
        await page.screenshot({ path: join(folder, `${moment}-${name}.png`), fullPage: true });
        await page.context().close();
      });
    }
  }

  it('dialog, tooltip and lost connection', async () => {
    server.show('rolledBack');
    const { page } = await open(browser, server.url, { width: 1280, height: 1300 });
    await page.locator('.chart .u-over').first().hover();
    await page.screenshot({ path: join(folder, 'tooltip.png') });
    server.show('canary');
    await page.getByRole('button', { name: 'Abort' }).click();
    await page.screenshot({ path: join(folder, 'dialog.png') });
    await page.keyboard.press('Escape');
    await server.stop();
    await page.getByText('Connection lost').waitFor();
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(folder, 'lost.png') });
    await page.context().close();
    await server.start();
  });

  for (const path of PAGES) {
    it(`${path}`, async () => {
      server.show(path === '/data' ? 'gateFailed' : 'rolledBack');
      const { page } = await open(browser, server.url + path, { width: 1280 });
      await page.waitForTimeout(700);
      await page.screenshot({ path: join(folder, `page${path.slice(0, 24).replaceAll(/[^a-z0-9]/g, '-')}.png`), fullPage: true });
      await page.context().close();
    });
  }
});
