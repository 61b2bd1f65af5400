// The page without a mouse: Tab, arrows, Space and Enter reach everything, and the focus is always visible.

import assert from 'node:assert/strict';
import { until, untilText } from './browser.mjs';

const focused = page => page.evaluate(() => {
  const element = document.activeElement;
  const { id, name = '', type } = element;
  return { id, name, type, href: element.getAttribute('href') ?? '', text: element.textContent.trim() };
});

/** Presses Tab until `is` is true for the focused element, whose focus must be visible. */
async function tabTo(page, what, is, key = 'Tab') {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press(key);
    const now = await focused(page);
    if (!is(now)) continue;
    assert.ok(await page.evaluate(seesFocus), `the focus on ${what} cannot be seen`);
    return now;
  }
  assert.fail(`Tab does not reach ${what}`);
}

/** Whether there is an outline on the element, on its label, or on the element after a hidden radio button. */
function seesFocus() {
  const element = document.activeElement;
  const stands = [element, element.nextElementSibling, element.closest('label')].filter(Boolean);
  return stands.some(each => getComputedStyle(each).outlineStyle !== 'none');
}

export async function keyboard({ browser, system }) {
  const page = await browser.open('/');
  const choosing = new Promise(resolve => page.once('filechooser', resolve)); // from now on the browser asks the test
  await page.waitForSelector('#tab-training[aria-selected=true]');
  await tabTo(page, 'the tabs', ({ id }) => id === 'tab-training');
  for (const tab of ['search', 'translate', 'add', 'status', 'training', 'search']) {
    await page.keyboard.press('ArrowRight');
    await page.waitForSelector(`#tab-${tab}[aria-selected=true]:focus`);
    assert.equal(await page.locator('main > section:visible').getAttribute('id'), `${tab}-panel`);
  }
  await page.keyboard.press('End');
  await page.waitForSelector('#tab-status[aria-selected=true]:focus');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await page.waitForSelector('#tab-search[aria-selected=true]:focus');

  await tabTo(page, 'the picture', ({ type }) => type === 'file');
  await page.keyboard.press('Space');
  await (await choosing).setFiles(system.faces[0]);
  await page.waitForSelector('#neighbours .card');

  await tabTo(page, 'the switch of Young', ({ name }) => name === 'edit-Young');
  await page.keyboard.press('ArrowRight');
  await until(page, 'the switch in the address', () => location.hash.includes('Young%3D1'));
  await page.waitForSelector('#neighbours:not(.stale) .card');
  await tabTo(page, 'a neighbour', ({ href }) => /^#search\?.*image=/.test(href));
  await page.keyboard.press('Enter');
  await until(page, 'a search from it', () => location.hash.includes('image='));
  await page.waitForSelector('#neighbours:not(.stale) .card');
  await tabTo(page, 'its translation', ({ text }) => text === 'translate' || text === 'Translate this');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#tab-translate[aria-selected=true]');
  await untilText(page, '#translate-outcome', /^Translated by/);
  await tabTo(page, 'the guidance', ({ name }) => name === 'guidance');
  await page.keyboard.press('ArrowRight');
  await until(page, 'no neighbours', () =>
    document.querySelectorAll('.ways .draw').length === 21 && !document.querySelector('.guides a'));
}
