// Every tab on a phone and on a desktop, light and dark: no element is wider than the page.

import assert from 'node:assert/strict';
import { choosePicture, shot, until } from './browser.mjs';

const WIDTHS = [360, 1280];

/** Fills each tab with content. */
const FILLED = {
  training: page => until(page, 'curves', () =>
    window.Chart.getChart(document.querySelector('#curves canvas'))?.data.datasets.length),
  search: async (page, system) => {
    await choosePicture(page, 'search', system.faces[0]);
    await page.waitForSelector('#neighbours .card');
    await page.click('#search-hint summary');
  },
  translate: async (page, system) => {
    await choosePicture(page, 'translate', system.faces[0]);
    await until(page, 'translations', () => /^Translated/.test(document.getElementById('translate-outcome').textContent));
  },
  add: async (page, system) => {
    const long = `${'long'.repeat(60)}.jpg`;
    const files = [['good.jpg', system.face(0)], [long, Buffer.alloc(1100000)]];
    await page.setInputFiles('#add-files', files.map(([name, buffer]) => ({ name, mimeType: 'image/jpeg', buffer })));
    await page.waitForSelector('#refusals:not([hidden])');
  },
  status: page => page.waitForSelector('.service tbody tr'),
};

export async function layout({ browser, system }) {
  for (const width of WIDTHS) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.open('/', { viewport: { width, height: 800 }, colorScheme });
      for (const [tab, fill] of Object.entries(FILLED)) {
        await page.click(`#tab-${tab}`);
        await fill(page, system);
        await until(page, 'all pictures', () => [...document.querySelectorAll('main > section:not([hidden]) img[src]')]
          .filter(image => image.loading !== 'lazy' && image.checkVisibility()).every(image => image.complete));
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wider <= 0, `${tab} at ${width} px, ${colorScheme}, is ${wider} px wider than the page`);
        await shot(page, `${tab}-${width}-${colorScheme}`);
      }
    }
  }
}
