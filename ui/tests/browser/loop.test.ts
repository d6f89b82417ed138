import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MockServer } from '../mock/server';
import { type Moment, MOMENTS } from '../story/moments';
import { launch, open } from './browser';

const TITLES: Record<Moment, string> = {
  empty: 'Waiting for the first data',
  firstTraining: 'The pipeline is running',
  aprilBreach: 'v1 is beyond its limits; a new version is being trained',
  canary: 'v2 is on trial with 10 % of the traffic',
  rolledBack: 'v3 was rolled back; v2 answers',
  gateFailed: 'The data gate stopped the latest files',
};

// With MAINSPRING_URL the pages are tried on a running server instead: see server.test.ts.
describe.skipIf(process.env.MAINSPRING_URL)('the loop', () => {
  const server = new MockServer('dist');
  let browser: Browser;

  beforeAll(async () => {
    await server.start();
    browser = await launch();
  });

  beforeEach(() => {
    server.posted.length = 0;
  });

  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  async function at(moment: Moment, path = '/', look = {}) {
    server.show(moment);
    return open(browser, server.url + path, look);
  }

  it.each(MOMENTS)('shows %s without a complaint', async (moment) => {
    const { page, complaints } = await at(moment);
    await page.getByRole('heading', { level: 1, name: TITLES[moment] }).waitFor();
    expect(await page.locator('.node').count()).toBe(7);
    expect(await page.title()).toBe('Loop · flights · Mainspring');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each([800, 1280, 1440])('fits %i pixels', async (width) => {
    const { page } = await at('canary', '/', { width });
    await page.getByRole('heading', { level: 1 }).waitFor();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over).toBeLessThanOrEqual(0);
    await page.context().close();
  });

  it('shows champion, candidate and their shares, and follows them', async () => {
    const { page } = await at('canary');
    await page.getByRole('img', { name: 'Traffic: v1 gets 90 %, v2 gets 10 %' }).waitFor();
    expect(await page.locator('.version.champion .version-number').innerText()).toBe('v1');
    expect(await page.locator('.version.candidate .version-number').innerText()).toBe('v2');
    server.change((loop) => ({ ...loop, models: loop.models.map((model) => ({ ...model, traffic: { ...model.traffic, weight: 50 } })) }));
    await page.getByRole('img', { name: 'Traffic: v1 gets 50 %, v2 gets 50 %' }).waitFor();
    await page.context().close();
  });

  it('draws the charts and tells a window under the pointer', async () => {
    const { page } = await at('gateFailed');
    const charts = page.locator('.chart canvas');
    await charts.first().waitFor();
    expect(await charts.count()).toBe(3);
    await page.locator('.chart .u-over').first().hover();
    const tooltip = page.locator('.tooltip');
    await tooltip.waitFor();
    expect(await tooltip.count()).toBe(1);
    expect(await tooltip.innerText()).toMatch(/2013[\s\S]*2,000 labelled[\s\S]*AUC/);
    await page.context().close();
  });

  it('aborts a rollout only when it is confirmed', async () => {
    const { page, complaints } = await at('canary');
    await page.getByRole('button', { name: 'Abort' }).click();
    await page.getByRole('dialog', { name: 'Abort the rollout of v2?' }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(server.posted).toEqual([]);
    await page.getByRole('button', { name: 'Abort' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Abort' }).click();
    await expect.poll(() => server.posted).toEqual(['/api/v1/rollouts/r-2/abort']);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('promotes by a step, and fully when confirmed', async () => {
    const { page } = await at('canary');
    await page.getByRole('button', { name: 'Next step' }).click();
    await expect.poll(() => server.posted).toEqual(['/api/v1/rollouts/r-2/promote']);
    await page.getByRole('button', { name: 'Promote fully' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Promote fully' }).click();
    await expect.poll(() => server.posted.at(-1)).toBe('/api/v1/rollouts/r-2/promote-full');
    await page.context().close();
  });

  it('says when the server is away, keeps what it knows, and recovers', async () => {
    const { page } = await at('canary');
    await page.getByText('90 %').first().waitFor();
    await server.stop();
    await page.getByText('Connection lost, retrying').waitFor();
    expect(await page.locator('main').getAttribute('class')).toBe('stale');
    expect(await page.getByText('90 %').first().isVisible()).toBe(true);
    await server.start();
    await page.getByText('Connection lost, retrying').waitFor({ state: 'detached' });
    expect(await page.locator('main').getAttribute('class')).toBeNull();
    await page.context().close();
  });

  it('can be used from the keyboard', async () => {
    const { page } = await at('canary');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await page.getByRole('navigation').getByRole('link', { name: 'Models' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor();
    await page.goBack();
    const abort = page.getByRole('button', { name: 'Abort' });
    await abort.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Cancel');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(await abort.evaluate((button) => button === document.activeElement)).toBe(true);
    expect(server.posted).toEqual([]);
    await page.context().close();
  });

  it('rests while the tab is hidden', async () => {
    const { page } = await at('canary');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
    });
    await page.waitForTimeout(1500);
    let asked = 0;
    page.on('request', () => (asked += 1));
    await page.waitForTimeout(2500);
    expect(asked).toBe(0);
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => false });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await expect.poll(() => asked).toBeGreaterThan(0);
    await page.context().close();
  });
});
