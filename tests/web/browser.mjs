// A browser that watches its pages: an error on the console, an exception or a violation of the content security policy fails the
// current part of the test. Chromium logs every HTTP error as a console error, so a part lists the statuses that it provokes.

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

  /** Opens a page at `where`, a path of the gateway or an address, in a context of its own. */
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
    await page.goto(new URL(where, origin).href);
    return page;
  }

  #hear(text) {
    const [, status, error] = text.match(LOAD) ?? [];
    if (!this.expected.has(status ?? error)) this.complaints.push(text);
  }

  expect(...answers) {
    for (const answer of answers) this.expected.add(answer);
  }

  /** Takes screenshots after a part has failed, and prints the complaints. */
  async lastLook() {
    const pages = this.#contexts.flatMap(context => context.pages());
    for (const [i, page] of pages.entries()) await shot(page, `failed-${i}`).catch(() => {});
    if (this.complaints.length) console.error(this.complaints.join('\n'));
  }

  /** Ends a part: closes its pages and fails if there were complaints. */
  async settle(part) {
    for (const context of this.#contexts.splice(0)) await context.close();
    assert.deepEqual(this.complaints.splice(0), [], `complaints of the browser in ${part}`);
    this.expected.clear();
  }

  close() { return this.#browser.close(); }
}

/** Waits until `look(argument)`, run in the page, is true; the error names `what`. */
export async function until(page, what, look, argument) {
  try {
    await page.waitForFunction(look, argument);
  } catch (error) {
    throw new Error(`timed out waiting for ${what}`, { cause: error });
  }
}

export const untilText = (page, selector, pattern) =>
  until(page, `${pattern} in ${selector}`, ([selector, source]) =>
    new RegExp(source).test(document.querySelector(selector)?.textContent ?? ''), [selector, pattern.source]);

export const text = (page, selector) => page.textContent(selector);

export const shot = (page, name) => page.screenshot({ path: join(process.env.RG_SHOTS, `${name}.png`), fullPage: true });

/** Chooses an image in the tab of that name. */
export const choosePicture = (page, tab, file) => page.setInputFiles(`#${tab}-panel .picture input`, file);
