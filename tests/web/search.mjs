import assert from 'node:assert/strict';
import { choosePicture, shot, text, until, untilText } from './browser.mjs';

const cards = page => page.locator('#neighbours .card');
const untilCards = (page, n) => until(page, `${n} neighbours`, n =>
  document.querySelectorAll('#neighbours .card').length === n && !document.querySelector('#neighbours.stale'), n);
const yes = toggle => toggle.locator('[value="1"]');
const names = page => page.locator('#neighbours .name').allTextContents();

export async function search({ browser, system }) {
  const page = await browser.open('/#search');
  await page.waitForSelector('#search-empty:not([hidden])');
  await choosePicture(page, 'search', system.faces[0]);
  await untilCards(page, 12);
  await untilText(page, '#search-outcome', /^12 of 32 images, generation \d+$/);
  await nearestFirst(page);

  const asIs = await names(page);
  await turnsSwitches(page);
  await until(page, 'other neighbours', before => before !==
    [...document.querySelectorAll('#neighbours .name')].map(name => name.textContent).join(), asIs.join());
  await shot(page, 'search');

  await page.fill('[name=k]', '3');
  await untilCards(page, 3);
  await goesOnFromANeighbour(page);
  await saysTheSameWithCurl(page, system);

  await page.selectOption('[name=annotation]', 'unannotated');
  await untilText(page, '#search-empty', /No image matches/);
  await page.selectOption('[name=annotation]', 'any');
  await page.fill('[name=name_prefix]', '00001');
  await until(page, 'only such names', () => {
    const names = [...document.querySelectorAll('#neighbours .name')].map(name => name.textContent);
    return names.length > 0 && names.every(name => name.startsWith('00001'));
  });

  browser.expect('415');
  await choosePicture(page, 'search', { name: 'broken.jpg', mimeType: 'image/jpeg', buffer: system.face(0).subarray(0, 300) });
  await page.waitForSelector('#search-outcome.error');
  await choosePicture(page, 'search', system.faces[1]);
  await page.waitForSelector('#search-outcome:not(.error)');
}

async function nearestFirst(page) {
  const distances = (await page.locator('#neighbours .card a .spread span:first-child').allTextContents()).map(Number);
  assert.deepEqual(distances, [...distances].sort((a, b) => a - b));
}

async function turnsSwitches(page) {
  const blond = page.locator('.edit', { hasText: 'Blond Hair' });
  await yes(blond).check();
  await until(page, 'the switch in the address', () => location.hash.includes('attributes=Blond_Hair%3D1'));
  const implied = page.locator('.edit input[data-implied]');
  assert.equal(await implied.count(), 2, 'the other hair colours are cleared');
  await yes(page.locator('.edit', { hasText: 'Black Hair' })).check();
  await until(page, 'the other colour instead', () => location.hash.includes('attributes=Black_Hair%3D1'));
  assert.ok(await blond.locator('[value=""]').isChecked());
  await yes(blond).check();
}

async function goesOnFromANeighbour(page) {
  const before = await names(page);
  const address = page.url();
  await cards(page).first().locator('a').first().click();
  await until(page, 'a search from it', () => /image=[0-9a-f]{32}/.test(location.hash));
  await untilCards(page, 3);
  assert.ok(!(await names(page)).includes(before[0]), 'the image itself is left out');
  await page.goBack();
  await until(page, 'the search before', href => location.href === href, address);
  await until(page, 'its neighbours', first => document.querySelector('#neighbours .name')?.textContent === first, before[0]);
  await page.goForward();
  await until(page, 'the later one again', first => document.querySelector('#neighbours .name')?.textContent !== first, before[0]);
  await untilCards(page, 3);
}

async function saysTheSameWithCurl(page, system) {
  await page.click('#search-hint summary');
  const answer = JSON.parse(await system.shell(`${await text(page, '#search-hint code')} -sS`));
  assert.deepEqual(answer.neighbours.map(({ name }) => name), await names(page));
}
