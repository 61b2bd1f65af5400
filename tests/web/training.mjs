// Watches training from before its start to its end, without reloading the page.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { shot, text, until, untilText } from './browser.mjs';

/** The last iteration of the first curve in the first chart. */
const lastDrawn = page => page.evaluate(() =>
  window.Chart.getChart(document.querySelector('#curves canvas'))?.data.datasets[0]?.data.at(-1)?.x ?? 0);

const iteration = async page => Number((await text(page, '#now-iterations')).split(' of ')[0].replaceAll(',', ''));

export async function training({ browser, system }) {
  const page = await browser.open();
  await page.waitForSelector('#nothing-trained:not([hidden])');
  assert.match(await text(page, '#nothing-trained'), /rg-ctl train/);
  await page.evaluate(() => { window.neverReloaded = true; });

  const trained = system.train();
  trained.catch(() => {}); // awaited below
  await untilText(page, '#now-stage', /^Stage 1: training/);
  await growsOnItsOwn(page);
  await shot(page, 'training-live');
  await asksNothingWhenHidden(browser, page);
  await trained;
  await untilText(page, '#now-stage', /^Stage 3: done/);
  assert.equal(await page.evaluate(() => window.neverReloaded), true);
  assert.match(await text(page, '#now-retrieved'), /^0 of [\d,]+ came from images added/);
  assert.equal(await text(page, '#now-images'), '32');

  await showsMeasures(page);
  await showsSamples(page);
  await drawsAsAsked(page);
  await comparesRuns(page, system);
  await downloadsNetworks(page);
}

async function downloadsNetworks(page) {
  await page.click('#networks summary');
  await page.waitForSelector('#networks a');
  assert.deepEqual(await page.$$eval('#networks a', links => links.map(({ textContent }) => textContent)),
    ['content.onnx', 'attribute.onnx', 'embedder.onnx', 'generator.onnx']);
  assert.match(await text(page, '#networks li'), /^Stage 3, iteration 60, for ONNX runtimes\.$/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#networks a:text("generator.onnx")')]);
  assert.equal(download.suggestedFilename(), 'generator.onnx');
  assert.match(readFileSync(await download.path(), 'latin1'), /rg-unit/);
  await page.keyboard.press('Escape');
  assert.equal(await page.$eval('#networks', menu => menu.open), false);
}

async function growsOnItsOwn(page) {
  await until(page, 'a curve', () =>
    window.Chart.getChart(document.querySelector('#curves canvas'))?.data.datasets[0]?.data.length > 1);
  const before = { drawn: await lastDrawn(page), iteration: await iteration(page) };
  await until(page, 'more of the curve', x =>
    window.Chart.getChart(document.querySelector('#curves canvas')).data.datasets[0].data.at(-1).x > x, before.drawn);
  await until(page, 'more iterations', before =>
    Number(document.getElementById('now-iterations').textContent.split(' of ')[0].replaceAll(',', '')) > before, before.iteration);
  assert.ok(await page.evaluate(() => document.getElementById('now-progress').value > 0), 'the bar is empty');
  assert.match(await text(page, '#now-rate'), /^\d/);
}

/** A hidden page sends no requests. A second page measures the time: three of its own requests. */
async function asksNothingWhenHidden(browser, page) {
  const hide = hidden => page.evaluate(hidden => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await hide(true);
  await page.waitForLoadState('networkidle'); // requests from before it was hidden
  let asked = 0;
  page.on('request', () => asked++);
  const clock = await browser.open('/#status');
  for (let i = 0; i < 3; i++) await clock.waitForResponse(response => response.url().endsWith('/status'));
  assert.equal(asked, 0, 'requests of a hidden page');
  await hide(false);
  await page.waitForResponse(response => response.url().endsWith('/status'));
}

async function showsMeasures(page) {
  await page.click('#stages label:has([value=stage1])');
  await page.waitForSelector('#measures:not([hidden])');
  assert.match(await text(page, '#measures tbody'), /wanted accuracy latent/);
  assert.match(await text(page, '#protocol'), /^Measured on \d+ test images at 32 px, seen by builtin-classifier-/);
}

async function showsSamples(page) {
  const slider = page.locator('#sample-time');
  await untilText(page, '#sample-name', /^iteration 2,000$/);
  await slider.focus();
  const latest = await page.getAttribute('#sample-picture', 'src');
  await page.keyboard.press('ArrowLeft');
  await untilText(page, '#sample-name', /^iteration 1,500$/);
  await until(page, 'an earlier picture', src => document.getElementById('sample-picture').getAttribute('src') !== src, latest);
  await page.locator('#sample-zoom').press('Enter');
  await page.waitForSelector('#viewer[open]');
  const width = () => page.evaluate(() => document.querySelector('#viewer img').width);
  await until(page, 'the picture in the viewer', () => document.querySelector('#viewer img').style.width !== '');
  const fits = await width();
  await page.keyboard.press('+');
  assert.ok(await width() > fits, 'plus does not enlarge');
  await page.keyboard.press('ArrowRight');
  await untilText(page, '#viewer-name', /iteration 2,000/);
  await page.keyboard.press('Escape');
  await page.waitForSelector('#viewer:not([open])', { state: 'attached' });
}

/** The value of `look` for each chart. */
const charts = (page, look) =>
  page.evaluate(`[...document.querySelectorAll('#curves canvas')].map(canvas => Chart.getChart(canvas)).map(${look})`);

async function drawsAsAsked(page) {
  await page.check('#log');
  assert.ok((await charts(page, c => c.scales.y.type)).includes('logarithmic'));
  const before = await charts(page, c => c.data.datasets.length);
  await page.check('#smooth');
  assert.equal((await charts(page, c => c.data.datasets.length))[0], 2 * before[0], 'curves and what they were smoothed from');
  const points = await charts(page, c => Math.max(...c.data.datasets.map(d => d.data.length)));
  assert.ok(Math.max(...points) <= 400, 'long curves are thinned');
  await page.uncheck('#log');
  await page.uncheck('#smooth');
}

async function comparesRuns(page, system) {
  const other = '<b>other';
  mkdirSync(join(system.work, other));
  cpSync(join(system.run, 'metrics.jsonl'), join(system.work, other, 'metrics.jsonl'));
  await page.waitForSelector('#runs:not([hidden])');
  await page.click('#runs summary');
  await page.locator('#runs label', { hasText: other }).click();
  await until(page, 'two runs in the legend', () => document.querySelectorAll('#legend li').length === 2);
  assert.match(await text(page, '#legend'), /<b>other/, 'names are texts');
  await until(page, 'two colours', () =>
    new Set(window.Chart.getChart(document.querySelector('#curves canvas')).data.datasets.map(d => d.borderColor)).size === 2);
  await page.keyboard.press('Escape');
  await shot(page, 'training-compared');
}
