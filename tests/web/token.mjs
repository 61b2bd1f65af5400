// A gateway on a public address asks for its token.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text, until, untilText } from './browser.mjs';

export async function token({ browser, system }) {
  await system.rgCtl('down');
  await system.rgCtl('up', '--set', 'http.address=0.0.0.0');
  const secret = readFileSync(join(system.run, 'gateway.token'), 'utf8').trim();
  browser.expect('401');
  await asksForIt(await browser.open('/#status'), secret);
  await takesItFromTheAddress(await browser.open(`/#token=${secret}`), secret);
}

async function asksForIt(page, secret) {
  await page.waitForSelector('#session[open]');
  await page.keyboard.press('Escape');
  await page.fill('#token', 'not the token at all');
  await page.keyboard.press('Enter');
  await untilText(page, '#session-error', /not the token/);
  await page.fill('#token', secret);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#session:not([open])', { state: 'attached' });
  await untilText(page, '#status-summary', /services answer/);
  await page.reload();
  await untilText(page, '#status-summary', /services answer/);
  assert.equal(await page.inputValue('#token'), '', 'the token lies about in the form');
}

async function takesItFromTheAddress(page, secret) {
  await until(page, 'an address without token', () => !location.href.includes('token'));
  await untilText(page, '#now-images', /\d/);
  assert.ok(!(await page.evaluate(() => document.querySelector('#session').open)));
  assert.ok(!(await page.content()).includes(secret));
  assert.match(await text(page, '#now-stage'), /\w/);
}
