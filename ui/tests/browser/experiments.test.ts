import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MockServer } from '../mock/server';
import { runId } from '../story/tracking';
import { launch, type Look, open } from './browser';

describe.skipIf(process.env.MAINSPRING_URL)('experiments and their runs', () => {
  const server = new MockServer('dist');
  let browser: Browser;

  beforeAll(async () => {
    await server.start();
    server.show('rolledBack');
    browser = await launch();
  });

  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  async function at(path: string, look: Look = {}) {
    return open(browser, server.url + path, look);
  }

  const param = (page: Page, name: string) => new URL(page.url()).searchParams.get(name);
  const firstRun = (page: Page) => page.locator('.run-table tbody tr:not(.spacer) .pin-name').first().innerText();

  it('leads from the list to the table of runs', async () => {
    const { page, complaints } = await at('/experiments');
    await page.getByRole('link', { name: 'flight-delay' }).click();
    await page.getByRole('heading', { level: 1, name: 'flight-delay' }).waitFor();
    await page.getByText('12 runs').waitFor();
    expect(await page.title()).toBe('Experiments · flights · Mainspring');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('has only the rows in view of 10,000, and shows later ones by scrolling', async () => {
    const { page, complaints } = await at('/experiments/2');
    await page.getByText('10,000 runs').waitFor();
    const rows = page.locator('.run-table tbody tr:not(.spacer)');
    await page.getByRole('link', { name: 'trial-00000' }).waitFor();
    expect(await rows.count()).toBeLessThan(80);
    expect(await page.locator('.run-table').getAttribute('aria-rowcount')).toBe('10001');
    await page.locator('.run-scroll').evaluate((box) => (box.scrollTop = 36 * 5000));
    await page.getByRole('link', { name: 'trial-05003' }).waitFor();
    expect(await page.getByRole('link', { name: 'trial-00000' }).count()).toBe(0);
    expect(await rows.count()).toBeLessThan(80);
    // What stands where is not shifted: the row of a run lies where its number says.
    const apart = await page.locator('tr', { hasText: 'trial-05003' }).evaluate((row) => row.getBoundingClientRect().top - (row.closest('.run-scroll')?.getBoundingClientRect().top ?? 0));
    expect(apart).toBeGreaterThan(0);
    expect(apart).toBeLessThan(400);
    await page.locator('.run-scroll').evaluate((box) => (box.scrollTop = box.scrollHeight));
    await page.getByRole('link', { name: 'trial-09999' }).waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('orders by a heading and keeps that in the address', async () => {
    const { page } = await at('/experiments/1');
    await page.getByRole('button', { name: /auc/ }).click();
    await expect.poll(() => param(page, 'sort')).toBe('-metrics.auc');
    expect(await firstRun(page)).toContain('logistic-8');
    await page.reload();
    await page.getByRole('columnheader', { name: /auc/ }).and(page.locator('[aria-sort=descending]')).waitFor();
    expect(await firstRun(page)).toContain('logistic-8');
    await page.context().close();
  });

  it('groups, sums up and opens', async () => {
    const { page } = await at('/experiments/1');
    await page.getByLabel('Group by').selectOption('params.model');
    await page.getByText('12 runs in 3 groups').waitFor();
    const gbm = page.getByRole('row', { name: /gbm/ });
    expect(await gbm.innerText()).toContain('4');
    expect(await page.locator('.run-name').count()).toBe(0);
    await page.getByRole('button', { name: /^gbm/ }).click();
    await page.getByRole('link', { name: 'gbm-3' }).waitFor();
    expect(await page.locator('.run-name').count()).toBe(4);
    expect([param(page, 'group'), param(page, 'open')]).toEqual(['params.model', '=gbm']);
    await page.context().close();
  });

  it('chooses columns', async () => {
    const { page } = await at('/experiments/1');
    await page.locator('summary', { hasText: 'Columns' }).click();
    await page.getByLabel('seed').check();
    await page.getByRole('columnheader', { name: /seed/ }).waitFor();
    expect(param(page, 'columns')).toContain('params.seed');
    await page.getByRole('button', { name: 'Reset' }).click();
    await expect.poll(() => page.getByRole('columnheader', { name: /seed/ }).count()).toBe(0);
    await page.context().close();
  });

  it('filters, completes names and helps with mistakes', async () => {
    const { page } = await at('/experiments/1');
    const box = page.getByRole('combobox', { name: 'Filter runs' });
    await box.fill('params.mo');
    await page.getByRole('option', { name: 'params.model' }).waitFor();
    await box.press('ArrowDown');
    await box.press('Enter');
    await expect.poll(() => box.inputValue()).toBe('params.model ');
    await box.fill("params.model = 'gbm'");
    await box.press('Enter');
    await page.getByText('4 runs').waitFor();
    expect(param(page, 'filter')).toBe("params.model = 'gbm'");
    await box.fill('auc > 0.8');
    await box.press('Enter');
    await page.getByRole('alert').getByText("Invalid attribute key 'auc'").waitFor();
    await page.getByRole('alert').getByText('a filter joins comparisons with AND').waitFor();
    await page.getByRole('button', { name: 'metrics.auc > 0.8' }).click();
    await expect.poll(() => param(page, 'filter')).toBe('metrics.auc > 0.8');
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await page.context().close();
  });

  it('selects a stretch of runs and compares them', async () => {
    const { page, complaints } = await at('/experiments/1');
    await page.getByLabel('Select mlp-1', { exact: true }).click();
    await page.getByLabel('Select logistic-5').click({ modifiers: ['Shift'] });
    await page.getByText('5 selected').waitFor();
    expect(param(page, 'selected')?.split(',')).toHaveLength(5);
    await page.getByRole('link', { name: 'Compare 5' }).click();
    await page.getByRole('heading', { level: 1, name: 'Compare 5 runs' }).waitFor();
    await page.getByRole('img', { name: 'train/loss of 5 runs' }).locator('canvas').waitFor();
    await page.getByText('NaN').first().waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  const four = `/experiments/compare?runs=${[1, 2, 3, 4].map((index) => runId('1', index)).join(',')}`;

  it('shows what differs between runs, and all of it on demand', async () => {
    const { page, complaints } = await at(four);
    const diff = page.locator('.diff');
    await diff.getByText('learning_rate').waitFor();
    expect(await diff.getByText('seed').count()).toBe(0);
    await page.getByRole('button', { name: 'only what differs' }).click();
    await diff.getByText('seed').waitFor();
    expect(param(page, 'all')).toBe('1');
    await page.getByRole('button', { name: 'Leave mlp-1 out' }).click();
    await page.getByRole('heading', { level: 1, name: 'Compare 3 runs' }).waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('smooths, changes the axis and keeps both in the address', async () => {
    const { page } = await at(four);
    await page.getByRole('img', { name: 'train/loss of 4 runs' }).waitFor();
    await page.getByLabel('Smoothing').fill('0.6');
    await page.getByRole('button', { name: 'Time' }).click();
    expect([param(page, 'smooth'), param(page, 'x')]).toEqual(['0.6', 'time']);
    await expect.poll(() => server.compared.at(-1)?.history?.axis).toBe('time');
    // A chart that gets new points forgets the pointer until it moves.
    const tooltip = page.locator('.tooltip');
    let moves = 0;
    const pointed = async () => {
      moves += 1;
      await page.locator('.metric-chart .u-over').first().hover({ position: { x: 150 + (moves % 9) * 5, y: 60 } });
      return (await tooltip.count()) > 0 ? tooltip.innerText({ timeout: 1000 }).catch(() => '') : '';
    };
    await expect.poll(pointed, { timeout: 15_000 }).toMatch(/after [\s\S]*mlp-1/);
    await page.context().close();
  });

  it('places runs along axes and against each other', async () => {
    const { page } = await at(four);
    await page.locator('.parallel-line').nth(3).waitFor();
    await page.getByRole('img', { name: /Parallel coordinates of 4 runs over learning_rate, model, brier, auc/ }).waitFor();
    await page.getByLabel('Axis up').selectOption('metrics.brier');
    await page.getByRole('img', { name: 'brier against learning_rate of 4 runs' }).waitFor();
    expect(await page.locator('.scatter circle').count()).toBe(4);
    await page.locator('.scatter circle').first().hover();
    await page.locator('.scatter-said', { hasText: 'mlp-1' }).waitFor();
    await page.context().close();
  });

  it('tells a run from its parameters to its files', async () => {
    const { page, complaints } = await at(`/experiments/1/runs/${runId('1', 1)}`);
    await page.getByRole('heading', { level: 1, name: 'mlp-1' }).waitFor();
    await page.getByRole('rowheader', { name: 'learning_rate' }).waitFor();
    await page.getByText('flights-2013-q1').waitFor();
    await page.getByRole('tab', { name: /Metrics/ }).click();
    await page.getByRole('img', { name: 'train/loss of the run' }).locator('canvas').waitFor();
    await page.getByRole('tab', { name: /System/ }).click();
    await page.getByRole('heading', { name: 'system/cpu_utilization_percentage' }).waitFor();
    await page.getByRole('tab', { name: 'Artifacts' }).click();
    await page.getByText('learning_rate: 0.1').waitFor();
    await page.getByRole('button', { name: 'data', exact: true }).click();
    await page.getByRole('button', { name: /predictions.csv/ }).click();
    await page.getByRole('cell', { name: 'late, "again"' }).waitFor();
    await page.getByRole('button', { name: /importance.json/ }).click();
    await page.getByRole('cell', { name: 'hour' }).waitFor();
    await page.getByRole('button', { name: 'plots' }).click();
    await page.getByRole('button', { name: /confusion.png/ }).click();
    await expect.poll(() => page.getByAltText('plots/confusion.png').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1);
    await page.getByRole('button', { name: /page.html/ }).click();
    await page.getByText('taken over').waitFor();
    expect(await page.title()).toBe('Experiments · flights · Mainspring');
    await page.getByRole('heading', { name: 'Model gbm' }).waitFor();
    expect(await page.getByRole('link', { name: 'Download' }).getAttribute('href')).toBe(`/get-artifact?run_id=${runId('1', 1)}&path=page.html`);
    await page.getByRole('button', { name: /MLmodel/ }).click();
    await page.getByText('sklearn: {}').waitFor();
    expect([param(page, 'from'), param(page, 'path')]).toEqual(['m-1', 'MLmodel']);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('asks for nothing of a run before it is known that it lies in the default workspace', async () => {
    const { page, complaints } = await at('/experiments/3');
    await page.getByText('No run yet').waitFor();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/api/v1/tracking/experiments?view=all', async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(`${server.url}/experiments/4/runs/${runId('4', 0)}`);
    await page.getByRole('heading', { level: 1, name: 'gbm-0' }).waitFor();
    expect(await page.getByRole('tab').count()).toBe(0);
    release();
    await page.getByText('The run lies in the workspace team-a').waitFor();
    expect(await page.getByRole('tab').count()).toBe(0);
    expect(asked.filter((path) => path.startsWith('/ajax-api/') || path.includes('lineage'))).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('shows the log of the task that made a run, and the chain behind it', async () => {
    const { page } = await at(`/experiments/1/runs/${runId('1', 0)}?tab=log`);
    await page.getByRole('heading', { level: 1, name: 'gbm-0' }).waitFor();
    await page.getByText('held-out log loss 0.4258').waitFor();
    await page.getByRole('tab', { name: 'Lineage' }).click();
    await page.getByText('No model was registered from this run').waitFor();
    await page.context().close();
  });

  it('takes the addresses that MLflow clients print', async () => {
    const { page } = await at(`/#/experiments/1/runs/${runId('1', 1)}`);
    await page.getByRole('heading', { level: 1, name: 'mlp-1' }).waitFor();
    expect(new URL(page.url()).pathname).toBe(`/experiments/1/runs/${runId('1', 1)}`);
    await page.context().close();
  });

  it('says what is not there', async () => {
    const { page } = await at('/experiments/3');
    await page.getByText('No run yet').waitFor();
    await page.goto(`${server.url}/experiments/99`);
    await page.getByText('There is no experiment 99').waitFor();
    await page.goto(`${server.url}/experiments/1/runs/nonsense`);
    await page.getByRole('alert').getByText('Run with id=nonsense not found').waitFor();
    await page.goto(`${server.url}/experiments/compare`);
    await page.getByText('No run is chosen').waitFor();
    await page.context().close();
  });

  it.each(['/experiments', '/experiments/1', `/experiments/1/runs/${runId('1', 1)}`, four, '/models/flights/2'])('%s fits 800 pixels', async (path) => {
    const { page } = await at(path, { width: 800 });
    await page.locator('.card, .runs').first().waitFor();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over).toBeLessThanOrEqual(0);
    await page.context().close();
  });

  it('compares a version with the champion', async () => {
    const { page, complaints } = await at('/models');
    await page.getByRole('link', { name: 'flights', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'flights' }).waitFor();
    await page.getByRole('link', { name: 'v3', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'flights v3' }).waitFor();
    await page.getByRole('heading', { name: 'Metrics beside the champion' }).waitFor();
    const auc = page.getByRole('row', { name: /^auc/ });
    expect(await auc.innerText()).toMatch(/0\.7110\s+0\.7740\s+−0\.0630\s+worse/);
    await page.getByText('sent to production').or(page.getByText('better than v1 on the held-out weeks')).first().waitFor();
    await page.getByText('all 7 checks passed').first().waitFor();
    await page.getByLabel('Compare with').selectOption('1');
    await page.getByRole('heading', { name: 'Metrics beside another version' }).waitFor();
    expect(param(page, 'with')).toBe('1');
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
