// A browser whose pages are watched: whatever they write to the console as an error, throw, or are kept from by their security
// policy fails the part of the test that was going on. Answers that say no are errors to the console, too: a part names the
// statuses that it provokes.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { origin } from './system.mjs';

const PATIENCE_MS = 30000;
const LOAD = /^Failed to load resource: (?:the server responded with a status of (\d+)|net::(ERR_\w+))/;

export class Browser {
  #browser;
  #contexts = [];
  complaints = [];
  expected = new Set(); // statuses and net errors

  static async launch() {
    const self = new Browser();
    const sandbox = process.getuid() === 0 ? ['--no-sandbox'] : [];
    self.#browser = await chromium.launch({ executablePath: process.env.RG_CHROMIUM, args: sandbox });
    return self;
  }

  /** A page in a context of its own, at `where`. */
  async open(where = '/', options = {}) {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    this.#contexts.push(context);
    const page = await context.newPage();
    page.on('console', message => message.type() === 'error' && this.#hear(message.text()));
    page.on('pageerror', error => this.complaints.push(error.stack));
    page.on('dialog', dialog => {
      this.complaints.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    await page.goto(origin + where);
    return page;
  }

  #hear(text) {
    const [, status, error] = text.match(LOAD) ?? [];
    if (!this.expected.has(status ?? error)) this.complaints.push(text);
  }

  expect(...answers) {
    for (const answer of answers) this.expected.add(answer);
  }

  /** What the pages looked like when a part failed. */
  async lastLook() {
    const pages = this.#contexts.flatMap(context => context.pages());
    for (const [i, page] of pages.entries()) await shot(page, `failed-${i}`).catch(() => {});
    if (this.complaints.length) console.error(this.complaints.join('\n'));
  }

  /** The end of a part: nothing to complain about, and no page left. */
  async settle(part) {
    for (const context of this.#contexts.splice(0)) await context.close();
    assert.deepEqual(this.complaints.splice(0), [], `complaints of the browser in ${part}`);
    this.expected.clear();
  }

  close() { return this.#browser.close(); }
}

/** Waits until `look` (in the page, given `argument`) is true; `what` is said if it never is. */
export async function until(page, what, look, argument) {
  try {
    await page.waitForFunction(look, argument);
  } catch (error) {
    throw new Error(`not seen: ${what}`, { cause: error });
  }
}

export const untilText = (page, selector, pattern) =>
  until(page, `${pattern} in ${selector}`, ([selector, source]) =>
    new RegExp(source).test(document.querySelector(selector)?.textContent ?? ''), [selector, pattern.source]);

export const text = (page, selector) => page.textContent(selector);

export const shot = (page, name) => page.screenshot({ path: join(process.env.RG_SHOTS, `${name}.png`), fullPage: true });

/** Chooses a picture for the tab of that name. */
export const choosePicture = (page, tab, file) => page.setInputFiles(`#${tab}-panel .picture input`, file);
