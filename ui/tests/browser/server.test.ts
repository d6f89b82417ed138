import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../../src/api/ab';
import type { Loop } from '../../src/api/types';
import { launch, open } from './browser';

const URL = process.env.MAINSPRING_URL ?? '';

/** The pages of a running server: `MAINSPRING_URL=http://127.0.0.1:5000 npm run test:browser`. */
describe.skipIf(!URL)('a running server', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launch();
  });

  afterAll(async () => {
    await browser.close();
  });

  it('shows the loop as the API tells it', async () => {
    const loop = (await (await fetch(`${URL}/api/v1/loop`)).json()) as Loop;
    const { page, complaints } = await open(browser, URL);
    await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
    expect(await page.locator('.node').count()).toBe(7);
    expect(await page.title()).toBe(`Loop · ${loop.project.name} · Mainspring`);
    const champion = loop.models[0]?.champion;
    if (champion) expect(await page.locator('.version.champion .version-number').first().innerText()).toBe(`v${champion.version}`);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each(['Data', 'Pipelines', 'Experiments', 'Models', 'Rollouts', 'A/B tests', 'Events'])('shows %s', async (title) => {
    const { page, complaints } = await open(browser, URL);
    await page.getByRole('navigation').getByRole('link', { name: title }).click();
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
    await page.locator('.card, .empty').first().waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.reload();
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('plans an A/B test as the API does', async () => {
    const asked = { kind: 'mean', deviation: 30, effect: 2, arms: 3, alpha: 0.05, power: 0.9, units_per_day: 500 };
    const response = await fetch(`${URL}/api/v1/ab/plan`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(asked) });
    const { total, days } = (await response.json()) as Answer;
    const { page, complaints } = await open(browser, `${URL}/ab/plan?kind=mean&deviation=30&effect=2&arms=3&power=0.9&units_per_day=500`);
    await page.getByText(`${total.toLocaleString('en')} in all.`).waitFor();
    await page.getByText(`${days} days of traffic`).waitFor();
    await page.getByText(`planned_units: ${total}`).waitFor();
    await page.getByRole('img', { name: /Units by effect/ }).locator('canvas').waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
