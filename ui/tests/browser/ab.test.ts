import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MockServer } from '../mock/server';
import { launch, type Look, open } from './browser';

describe.skipIf(process.env.MAINSPRING_URL)('A/B tests', () => {
  const server = new MockServer('dist');
  let browser: Browser;

  beforeAll(async () => {
    await server.start();
    server.show('canary');
    browser = await launch();
  });

  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  const at = (path: string, look: Look = {}) => open(browser, server.url + path, look);

  it('leads from the list to a test at work', async () => {
    const { page, complaints } = await at('/ab');
    await page.getByText('7 tests').waitFor();
    await page.getByRole('row', { name: /lost-logs.*stopped without a result/ }).waitFor();
    await page.getByRole('link', { name: 'cheaper-first' }).click();
    await page.getByRole('heading', { level: 1, name: 'cheaper-first' }).waitFor();
    await page.getByText('Waits for evidence.').waitFor();
    await page.getByRole('img', { name: '17,512 units of 20,000 planned, 40,000 at most' }).waitFor();
    await page.getByText('Split as planned').waitFor();
    await page.getByText('3 units, left out').waitFor();
    await page.getByText('the candidate gets as much as the control', { exact: false }).waitFor();
    await page.getByRole('row', { name: /candidate v2 50 % 8,712 49.75 %/ }).waitFor();
    await page.getByText('each unit sees one arm · adjusted by country').waitFor();
    await page.getByText('US 12,258 · MX 3,502 · unknown 1,751').waitFor();
    await page.getByText('Values above count as it').waitFor();
    expect(await page.title()).toBe('A/B tests · flights · Mainspring');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('draws each gain with its interval over the looks', async () => {
    const { page, complaints } = await at('/ab/cheaper-first');
    await page.getByRole('img', { name: 'Gain in booked of candidate with its interval over 40 looks: open' }).locator('canvas').waitFor();
    await page.getByRole('img', { name: 'Gain in latency of candidate with its interval over 40 looks: holds' }).locator('canvas').waitFor();
    const tooltip = page.locator('.tooltip');
    const pointed = async () => {
      await page.locator('.chart .u-over').first().hover({ position: { x: 120 + Math.floor(Math.random() * 60), y: 60 } });
      return (await tooltip.count()) > 0 ? tooltip.innerText({ timeout: 1000 }).catch(() => '') : '';
    };
    await expect.poll(pointed, { timeout: 10_000 }).toMatch(/units[\s\S]*Gain[\s\S]*Interval/);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('replays a decision', async () => {
    const { page } = await at('/ab/weather-features');
    await page.getByText('candidate wins').first().waitFor();
    expect(await page.getByText('same to the last bit').count()).toBe(0);
    await page.getByRole('button', { name: 'Replay decision 52' }).click();
    await page.getByRole('row', { name: /^52 candidate wins/ }).getByText('same to the last bit').waitFor();
    expect(await page.getByRole('link', { name: 'rollout of the winner' }).getAttribute('href')).toBe('/rollouts/r-2');
    expect(await page.getByRole('button', { name: 'Stop' }).count()).toBe(0);
    await page.context().close();
  });

  it('warns of a split that cannot be trusted', async () => {
    const { page } = await at('/ab/lost-logs');
    const alert = page.getByRole('alert');
    await alert.getByText('Sample ratio mismatch').waitFor();
    expect(await alert.innerText()).toContain('No figure below can be trusted');
    await page.getByText('differs by more than 8 standard errors').waitFor();
    await page.context().close();
  });

  it('says what a test that starts by itself waits for', async () => {
    const { page, complaints } = await at('/ab/waits');
    const waits = page.getByRole('status').filter({ hasText: 'starts by itself' });
    await waits.waitFor();
    expect(await waits.innerText()).toContain('cheaper-first splits the requests of flights');
    expect(await page.getByText('The newest look failed').count()).toBe(0);
    await page.goto(page.url().replace('waits', 'not-yet'));
    await page.getByText('Not started.').waitFor();
    expect(await page.getByText('starts by itself').count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('tells of models that answer the same requests', async () => {
    const { page, complaints } = await at('/ab/same-requests');
    await page.getByText('there is no split that could be wrong').waitFor();
    await page.getByText('wins 57.9 %').waitFor();
    await page.getByText('only candidate right').waitFor();
    await page.getByRole('alert').getByText('it took longer than 30 s').waitFor();
    expect(await page.getByRole('columnheader', { name: 'Weight' }).count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('tells which of two rankings is preferred', async () => {
    const { page, complaints } = await at('/ab/two-rankings');
    await page.getByText('the lists of both arms are merged into one').waitFor();
    await page.getByText('prefer candidate').waitFor();
    expect(await page.getByRole('columnheader', { name: 'Weight' }).count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('starts, decides and stops after a question', async () => {
    const { page } = await at('/ab/not-yet');
    await page.getByText('Nothing is split yet').waitFor();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Start' }).click();
    await expect.poll(() => server.posted.at(-1)).toBe('/api/v1/ab/tests/not-yet/do/start');
    await page.goto(`${server.url}/ab/cheaper-first`);
    await page.getByRole('button', { name: 'Decide now' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Decide now' }).click();
    await expect.poll(() => server.posted.at(-1)).toBe('/api/v1/ab/tests/cheaper-first/do/decide');
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    expect(server.posted.at(-1)).toBe('/api/v1/ab/tests/cheaper-first/do/decide');
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
    await expect.poll(() => server.posted.at(-1)).toBe('/api/v1/ab/tests/cheaper-first/do/stop');
    await page.context().close();
  });

  it('plans a test, and keeps what was asked in the address', async () => {
    const { page, complaints } = await at('/ab');
    await page.getByRole('link', { name: 'Plan a test' }).click();
    await page.getByRole('heading', { level: 1, name: 'Plan a test' }).waitFor();
    await page.getByText(/units in each arm, .* in all/).waitFor();
    await page.getByRole('img', { name: /Units by effect/ }).locator('canvas').waitFor();
    await page.getByRole('button', { name: 'Mean of units' }).click();
    await page.getByLabel('Standard deviation').fill('50');
    await page.getByLabel('Units a day').fill('1000');
    await expect.poll(() => server.planned.at(-1)).toMatchObject({ kind: 'mean', deviation: 50, units_per_day: 1000, arms: 2 });
    // 2 · 7.85 · 50² in each arm, as the server says.
    await page.getByText('39,250 units in each arm, 78,500 in all.').waitFor();
    await page.getByText('79 days of traffic. Run it for 12 whole weeks').waitFor();
    await expect.poll(() => page.getByRole('textbox', { name: 'File of the test' }).inputValue()).toContain('planned_units: 78500');
    expect(new URL(page.url()).searchParams.get('deviation')).toBe('50');
    await page.reload();
    await page.getByText('39,250 units in each arm, 78,500 in all.').waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('creates a test from the plan, and marks the line that is wrong', async () => {
    const { page } = await at('/ab/plan');
    const file = page.getByRole('textbox', { name: 'File of the test' });
    await expect.poll(() => file.inputValue()).toContain('effect: 0.01');
    const text = (await file.inputValue()).replace('name: my-test', 'name: not-yet');
    await file.fill(text.replace('goals:', 'aims:'));
    await page.getByRole('button', { name: 'Create the test' }).click();
    await page.getByRole('alert').getByText('test:8:1: the test needs `goals`').waitFor();
    expect(await file.evaluate((area: HTMLTextAreaElement) => area.value.slice(area.selectionStart, area.selectionEnd))).toBe(text.split('\n')[7]);
    await file.fill(text);
    await page.getByRole('button', { name: 'Create the test' }).click();
    await page.getByRole('heading', { level: 1, name: 'not-yet' }).waitFor();
    expect(server.described.at(-1)?.spec).toBe(text);
    await page.context().close();
  });

  it('revises a test by its file, with a reason', async () => {
    const { page } = await at('/ab/cheaper-first');
    await page.getByRole('button', { name: 'change', exact: true }).click();
    const file = page.getByRole('textbox', { name: 'File of the test' });
    await file.fill((await file.inputValue()).replace('20000', '30000'));
    await page.getByLabel('Why').fill('more power');
    await page.getByRole('button', { name: 'Revise the test' }).click();
    await page.getByText('the plan changed: phase 3 begins').waitFor();
    expect(server.described.at(-1)).toMatchObject({ reason: 'more power' });
    expect(server.described.at(-1)?.spec).toContain('planned_units: 30000');
    await page.goto(`${server.url}/ab/weather-features`);
    await page.getByText('planned_units: 20000').waitFor();
    expect(await page.getByRole('button', { name: 'change', exact: true }).count()).toBe(0);
    await page.context().close();
  });

  it('tells how far a goal has come, where it holds and how long', async () => {
    const { page, complaints } = await at('/ab/cheaper-first');
    await page.getByText('43.1 % for the effect that matters, 0.0200').waitFor();
    await page.getByText('94.7 % (Bayes, flat prior)').waitFor();
    await page.getByText('0.000200 if taken, 0.0113 if not').waitFor();
    const booked = page.getByRole('region', { name: 'booked of candidate by group' });
    await page.getByRole('button', { name: 'carrier' }).click();
    await booked.getByText('differs: B6').waitFor();
    await booked.getByRole('row', { name: /^others .* –/ }).waitFor();
    await page.getByRole('button', { name: 'by arrival' }).click();
    await booked.getByText('no sign of fading').waitFor();
    expect(await booked.locator('.ab-dot').count()).toBe(6);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('says what cannot be planned instead of asking', async () => {
    const { page, complaints } = await at('/ab/plan?kind=paired');
    await page.getByText(/requests, each answered by both models/).waitFor();
    await expect.poll(() => page.getByRole('textbox', { name: 'File of the test' }).inputValue()).toContain('mode: shadow');
    await page.getByLabel('Smallest effect that matters').fill('0.2');
    await page.getByText('models that agree everywhere cannot differ').waitFor();
    expect(await page.getByRole('textbox', { name: 'File of the test' }).count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('says that there is no such test', async () => {
    const { page } = await at('/ab/nonsense');
    await page.getByText('nothing is known of /api/v1/ab/tests/nonsense').waitFor();
    await page.context().close();
  });

  it.each([
    ['/ab', 800],
    ['/ab/cheaper-first', 800],
    ['/ab/plan', 800],
    ['/ab/plan', 900],
    ['/ab', 1000],
  ])('%s fits %d pixels', async (path, width) => {
    const { page } = await at(path, { width });
    await page.locator('.card').first().waitFor();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over).toBeLessThanOrEqual(0);
    await page.context().close();
  });
});
