// Services that hang, die and restart, and a gateway that stops and restarts.

import assert from 'node:assert/strict';
import { choosePicture, shot, text, until, untilText } from './browser.mjs';

const silent = service => `.service.silent[aria-label=${service}]`;
const answering = service => `.service:not(.silent)[aria-label=${service}]`;

export async function failures({ browser, system }) {
  const status = await browser.open('/#status'), search = await browser.open('/#search');
  browser.expect('503', '504', 'ERR_CONNECTION_REFUSED', 'ERR_CONNECTION_RESET', 'ERR_EMPTY_RESPONSE');
  await untilText(status, '#status-summary', /^All \d services answer/);
  assert.match(await text(status, `${answering('retrieval')} tbody`), /search/);
  await choosePicture(search, 'search', system.faces[0]);
  await search.waitForSelector('#neighbours .card');

  await system.signal('encoder', 'SIGSTOP').then(() => goesSilent(status, search, system));
  await diesAndIsRestarted(status, search, system);
  await losesTheGateway(status, search, system);
}

async function goesSilent(status, search, system) {
  const pid = Number((await text(status, '.service[aria-label=encoder] h2')).match(/pid (\d+)/)[1]);
  await status.waitForSelector(silent('encoder'));
  assert.match(await text(status, silent('encoder')), /rg-ctl up/);
  await untilText(status, '#status-summary', /^encoder does not answer/);
  await shot(status, 'status-silent');
  await choosePicture(search, 'search', system.faces[1]);
  await untilText(search, '#search-outcome.error', /Trying again/);
  await shot(search, 'search-failed');
  process.kill(pid, 'SIGCONT');
  await status.waitForSelector(answering('encoder'));
  await search.waitForSelector('#search-outcome:not(.error)');
  await search.waitForSelector('#neighbours:not(.stale) .card');
}

async function diesAndIsRestarted(status, search, system) {
  const pid = await system.pidOf('retrieval');
  process.kill(pid, 'SIGKILL');
  await until(status, 'another process', ([selector, pid]) => {
    const card = document.querySelector(selector);
    return card && !card.textContent.includes(`pid ${pid},`);
  }, [answering('retrieval'), pid]);
  await choosePicture(search, 'search', system.faces[2]);
  await search.waitForSelector('#search-outcome:not(.error)');
  await search.waitForSelector('#neighbours:not(.stale) .card');
}

async function losesTheGateway(status, search, system) {
  await system.rgCtl('down');
  await untilText(status, '#banner:not([hidden])', /Trying again/);
  await choosePicture(search, 'search', system.faces[3]);
  await search.waitForSelector('#banner:not([hidden])');
  await system.rgCtl('up');
  for (const page of [status, search]) await page.waitForSelector('#banner', { state: 'hidden' });
  await untilText(status, '#status-summary', /^All \d services answer/);
  await search.waitForSelector('#search-outcome:not(.error)');
  await search.waitForSelector('#neighbours:not(.stale) .card');
}
