import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { choosePicture, shot, text, until, untilText } from './browser.mjs';

const JPEG = 'image/jpeg';
const HOSTILE = [
  '<img src=x onerror=alert(1)>.jpg',
  'innocent\u202egpj.exe.jpg',
  `${'x'.repeat(251)}.jpg`,
];

/** The name that the set gives an image: characters that change the direction of text are escaped. */
const stored = name => name.replace(/[\u202a-\u202e\u2066-\u2069]/g, encodeURIComponent);

const counts = async page => Object.fromEntries(await Promise.all(['added', 'duplicate', 'refused'].map(async fate =>
  [fate, Number((await text(page, `#add-${fate}`)).replaceAll(',', ''))])));

const untilDone = page => untilText(page, '#add-left', /^done$/);

export async function adding({ browser, system }) {
  const page = await browser.open('/#add');
  await page.waitForSelector('#tab-add[aria-selected=true]');
  browser.expect('415', '422', '413', '400');
  await takesGoodAndBad(page, system);
  await showsNamesAsTexts(page);
  await takesAFolder(page, system);
  browser.expect('503', 'ERR_FAILED');
  await waitsForWhatPasses(page, system);
  await stopsAndGoesOn(page, system);
  await page.evaluate(() => { location.hash = '#training'; });
  await until(page, 'a larger set', () => Number(document.getElementById('now-images').textContent) > 32);
  await staysQuick(browser);
}

async function takesGoodAndBad(page, system) {
  const good = HOSTILE.map((name, i) => ({ name, mimeType: JPEG, buffer: system.face(i) }));
  await page.setInputFiles('#add-files', [...good,
    { name: 'good.jpg', mimeType: JPEG, buffer: system.face(3) },
    { name: 'huge.jpg', mimeType: JPEG, buffer: Buffer.alloc(1100000, 1) },
    { name: 'broken.jpg', mimeType: JPEG, buffer: system.face(4).subarray(0, 400) },
    { name: 'no picture.jpg', mimeType: JPEG, buffer: Buffer.from('hello') },
  ]);
  await untilDone(page);
  assert.deepEqual(await counts(page), { added: 4, duplicate: 0, refused: 3 });
  const refused = await page.locator('#refusals tbody tr').allTextContents();
  const reasonOf = name => refused.find(row => row.startsWith(name))?.slice(name.length);
  assert.equal(reasonOf('huge.jpg'), 'It has 1.1 MB, the limit is 1 MB.');
  for (const name of ['broken.jpg', 'no picture.jpg']) assert.match(reasonOf(name), /\w/);
  await until(page, 'thumbnails', () => document.querySelectorAll('#add-strip img').length === 4 &&
    [...document.querySelectorAll('#add-strip img')].every(image => image.naturalWidth > 0));
  await shot(page, 'add');

  await page.setInputFiles('#add-files', [{ name: 'again.jpg', mimeType: JPEG, buffer: system.face(3) }]);
  await untilText(page, '#add-duplicate', /^1$/);
}

/** Added images are found and marked as new, and their names are shown as text. */
async function showsNamesAsTexts(page) {
  await page.evaluate(() => { location.hash = '#search?annotation=unannotated'; });
  await choosePicture(page, 'search', { name: HOSTILE[0], mimeType: JPEG, buffer: await smallJpeg(page) });
  await until(page, 'four new ones', () => document.querySelectorAll('#neighbours .new').length === 4);
  const names = await page.locator('#neighbours .name').allTextContents();
  for (const name of HOSTILE) assert.ok(names.includes(stored(name)), `${stored(name)} is not among ${names}`);
  assert.equal(await text(page, '#search-panel .chooser strong'), HOSTILE[0]);
  assert.equal(await page.locator('img[src=x]').count(), 0, 'a name became an element');
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, 'long names make the page scroll');
  await shot(page, 'search-hostile');
  await page.click('#tab-add');
}

const smallJpeg = async page => Buffer.from(await page.evaluate(() => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 64;
  return canvas.toDataURL('image/jpeg').split(',')[1];
}), 'base64');

async function takesAFolder(page, system) {
  writeFileSync(join(system.extra, 'notes.txt'), 'not an image');
  await page.setInputFiles('#add-folder', system.extra);
  await untilText(page, '#add-done', /^24 of 24 files$/);
  await untilDone(page);
  assert.deepEqual(await counts(page), { added: 20, duplicate: 4, refused: 0 });
}

/** The first request is answered with "busy", the second with nothing; every file is uploaded in the end. */
async function waitsForWhatPasses(page, system) {
  const answers = [
    route => route.fulfill({ status: 503, headers: { 'Retry-After': '1' }, json: { error: { code: 'busy', sentence: 'Busy.' } } }),
    route => route.abort(),
  ];
  let sent = 0;
  await page.route('**/images?name=**', route => {
    sent++;
    return (answers.shift() ?? (route => route.continue()))(route);
  });
  const files = [5, 6].map(i => ({ name: `passing ${i}.jpg`, mimeType: JPEG, buffer: system.face(i) }));
  await page.setInputFiles('#add-files', files);
  await untilText(page, '#add-notice', /Trying again in/);
  await untilDone(page);
  assert.deepEqual(await counts(page), { added: 0, duplicate: 2, refused: 0 });
  assert.equal(sent, 4);
  assert.ok(await page.isHidden('#banner'), 'the banner stays although the gateway answers again');
  await page.unroute('**/images?name=**');
}

async function stopsAndGoesOn(page, system) {
  let open = 0;
  await page.route('**/images?name=**', () => { open++; }); // never answers
  await page.setInputFiles('#add-files', system.faces);
  await until(page, 'work', () => !document.getElementById('add-stop').hidden);
  await page.click('#add-stop');
  await page.waitForSelector('#add-resume:not([hidden])');
  assert.equal(open, 8, 'uploads in flight');
  await page.unroute('**/images?name=**');
  await page.click('#add-resume');
  await untilDone(page);
  assert.deepEqual(await counts(page), { added: 0, duplicate: 24, refused: 0 });
}

/** Runs in the page: answers uploads at once, every ninth with a refusal. */
function answerAtOnce() {
  const real = window.fetch;
  let n = 0;
  const answer = () => ({ id: (++n).toString(16).padStart(32, '0'), fate: n % 9 ? 'duplicate' : 'refused', reason: 'no' });
  window.fetch = (where, options) => (where.includes('/images?')
    ? new Promise(resolve => setTimeout(() => resolve(Response.json(answer()))))
    : real(where, options));
}

/** Runs in the page: chooses `count` files, waits until they are uploaded, and returns the longest time for which the page was blocked. */
async function chooseMany(count) {
  const transfer = new DataTransfer();
  for (let i = 0; i < count; i++) transfer.items.add(new File(['x'], `${i}.jpg`, { type: 'image/jpeg' }));
  const input = document.getElementById('add-files'), left = document.getElementById('add-left');
  input.files = transfer.files;
  let last = performance.now(), longest_ms = 0;
  const tick = setInterval(() => {
    longest_ms = Math.max(longest_ms, performance.now() - last);
    last = performance.now();
  }, 10);
  input.dispatchEvent(new Event('change'));
  await new Promise(resolve => {
    new MutationObserver(() => left.textContent === 'done' && resolve()).observe(left, { childList: true });
  });
  clearInterval(tick);
  return longest_ms;
}

/** Ten thousand files: the page keeps drawing and does not grow. */
async function staysQuick(browser) {
  const page = await browser.open('/#add');
  await page.waitForSelector('#tab-add[aria-selected=true]');
  await page.evaluate(answerAtOnce);
  const longest_ms = await page.evaluate(chooseMany, 10000);
  assert.ok(longest_ms < 1000, `the page was blocked for ${longest_ms} ms`);
  assert.equal(await text(page, '#add-done'), '10,000 of 10,000 files');
  assert.deepEqual(await counts(page), { added: 0, duplicate: 8889, refused: 1111 });
  assert.ok(await page.locator('#refusals tbody tr').count() <= 200, 'the list of refusals has no bound');
  assert.ok(await page.locator('#add-panel *').count() < 1200, 'the page grows with the files');
}
