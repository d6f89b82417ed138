import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MockServer } from '../mock/server';
import type { Moment } from '../story/moments';
import { launch, open } from './browser';

describe.skipIf(process.env.MAINSPRING_URL)('the other pages', () => {
  const server = new MockServer('dist');
  let browser: Browser;

  beforeAll(async () => {
    await server.start();
    browser = await launch();
  });

  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  async function at(moment: Moment, path: string) {
    server.show(moment);
    return open(browser, server.url + path);
  }

  it.each(['/pipelines', '/experiments', '/models', '/rollouts', '/ab', '/data', '/events'])('%s is told even of an empty project', async (path) => {
    const { page, complaints } = await at('empty', path);
    await page.locator('.empty').first().waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('leads from a pipeline to a log', async () => {
    const { page, complaints } = await at('gateFailed', '/pipelines');
    await page.getByRole('link', { name: 'flights_training' }).first().click();
    await page.getByText('exit code 1', { exact: false }).or(page.getByText('held-out log loss 0.4258')).first().waitFor();
    await page.getByRole('heading', { name: 'Log of validate' }).waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('keeps the chosen log in the address', async () => {
    const { page } = await at('canary', '/pipelines/alert__2026-02-01T10%3A06%3A12%2B00%3A00');
    await page.getByRole('button', { name: 'train', exact: true }).click();
    await page.getByRole('heading', { name: 'Log of train' }).waitFor();
    expect(new URL(page.url()).search).toBe('?log=train/1');
    await page.reload();
    await page.getByRole('heading', { name: 'Log of train' }).waitFor();
    await page.context().close();
  });

  it('leads from a model to why it is there', async () => {
    const { page, complaints } = await at('gateFailed', '/models');
    await page.getByRole('link', { name: 'why?' }).first().click();
    await page.getByRole('heading', { level: 1, name: 'Why flights v2?' }).waitFor();
    await page.getByText('data/flights-2013-04.csv').waitFor();
    expect(await page.locator('.chain-link').count()).toBe(6);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('leads from the rollouts to one, and takes a word on it', async () => {
    const { page, complaints } = await at('canary', '/rollouts');
    await page.getByRole('link', { name: 'Rollout of v2' }).click();
    await page.getByRole('heading', { level: 1, name: 'flights v2' }).waitFor();
    await page.getByRole('img', { name: 'Traffic: v1 gets 90 %, v2 gets 10 %' }).waitFor();
    await page.getByText('result ≤ 0.02').or(page.getByText('result <= 0.02')).first().waitFor();
    await page.getByText('3 of 183 copies dropped').waitFor();
    await page.getByLabel('Compare by').selectOption('origin');
    await page.getByRole('row', { name: /JFK 70 98.5 %/ }).waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => server.posted.at(-1)).toBe('/api/v1/rollouts/r-2/pause');
    await page.getByRole('button', { name: 'Abort' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Abort' }).click();
    await expect.poll(() => server.posted.at(-1)).toBe('/api/v1/rollouts/r-2/abort');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('offers to try again what was rolled back', async () => {
    const { page } = await at('rolledBack', '/rollouts');
    await page.getByRole('link', { name: /flights v3/ }).first().click();
    await page.getByRole('button', { name: 'Retry' }).click();
    await expect.poll(() => server.posted.at(-1)).toBe('/api/v1/rollouts/r-3/retry');
    expect(await page.getByRole('button', { name: 'Abort' }).count()).toBe(0);
    await page.context().close();
  });

  it('shows the rows that the data gate stopped', async () => {
    const { page } = await at('gateFailed', '/data');
    await page.getByText('incoming/flights-2013-07.csv:1204').waitFor();
    await page.context().close();
  });

  it('filters events and keeps the filter in the address', async () => {
    const { page } = await at('canary', '/events');
    await page.getByRole('button', { name: 'warnings' }).click();
    await page.getByText('1 of 15 events').waitFor();
    expect(new URL(page.url()).search).toBe('?level=warn');
    await page.context().close();
  });

  it('says what the server refused', async () => {
    const { page } = await at('canary', '/pipelines/nonsense');
    await page.getByText('nothing is known of /api/v1/runs/nonsense').waitFor();
    await page.context().close();
  });

  it('says that there is no such page', async () => {
    const { page } = await at('canary', '/nowhere');
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    await page.context().close();
  });
});
