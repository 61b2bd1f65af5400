import assert from 'node:assert/strict';
import { choosePicture, shot, text, until, untilText } from './browser.mjs';

const DOMAINS = ['The image', 'Black Hair', 'Blond Hair', 'Brown Hair', 'Male', 'not Male', 'Young', 'not Young'];
const isTranslation = request => request.url().includes('/translate?');

export async function translate({ browser, system }) {
  const page = await browser.open('/#translate');
  await page.waitForSelector('#translate-empty:not([hidden])');
  const inFlight = count(page);
  await choosePicture(page, 'translate', system.faces[0]);
  await untilText(page, '#translate-outcome', /^Translated by stage 3$/);
  assert.deepEqual(await page.locator('.row h3').allTextContents(), DOMAINS);
  assert.equal(await page.locator('.ways .draw').count(), 3 * 7);
  assert.equal(await page.locator('.guides a').count(), 3 * 7 * (await neighboursOf(page)));
  await until(page, 'all pictures', () =>
    [...document.querySelectorAll('#translations img')].every(image => image.naturalWidth > 0));
  assert.equal(inFlight.most, 2);
  await shot(page, 'translate');

  await page.locator('[name=guidance][value=both]').check();
  await until(page, 'both ways everywhere', () =>
    document.querySelectorAll('.ways:not([aria-busy]) .way:nth-child(2)').length === 7);
  const ways = page.locator('.row:nth-child(2) .way');
  assert.deepEqual(await ways.locator('p').allTextContents(), ['with neighbours', 'without']);
  assert.ok(await ways.first().locator('.guides a').count() > 0);
  assert.equal(await ways.last().locator('.guides a').count(), 0);

  await drawsAnew(page);
  await stops(page, inFlight);
  await followsASearch(page);
}

/** The number of neighbours that guide a translation. */
const neighboursOf = page => page.evaluate(async () => (await (await fetch('/api/v1/system')).json()).k);

function count(page) {
  const counter = { now: 0, most: 0, all: 0 };
  const end = request => { if (isTranslation(request)) counter.now--; };
  page.on('request', request => {
    if (!isTranslation(request)) return;
    counter.all++;
    counter.most = Math.max(counter.most, ++counter.now);
  });
  page.on('requestfinished', end);
  page.on('requestfailed', end);
  return counter;
}

async function drawsAnew(page) {
  const first = () => page.getAttribute('.row:nth-child(2) .draw > img', 'src');
  const before = await first();
  await page.click('#translate-again');
  assert.equal(await page.inputValue('[name=seed]'), '2');
  await untilText(page, '#translate-outcome', /^Translated by/);
  assert.notEqual(await first(), before);
}

/** The requests get no answer, so the translation can be stopped. */
async function stops(page, inFlight) {
  await page.route('**/translate?**', () => {});
  await page.click('#translate-again');
  await until(page, 'work', () => document.querySelector('.ways[aria-busy]'));
  await page.click('#translate-stop');
  await untilText(page, '#translate-outcome', /^Stopped/);
  const { all } = inFlight;
  await page.unroute('**/translate?**');
  await page.click('#translate-again');
  await untilText(page, '#translate-outcome', /^Translated by/);
  assert.equal(inFlight.all - all, 14, 'what was stopped is not asked for again');
}

async function followsASearch(page) {
  await page.click('#translate-search');
  await page.locator('#neighbours .card .more').first().click();
  await until(page, 'the neighbour as the image', () => /^#translate\?image=[0-9a-f]{32}$/.test(location.hash));
  await untilText(page, '#translate-outcome', /^Translated by/);
  assert.match(await text(page, '#translate-panel .chooser strong'), /\.jpg$/);
}
