// The parts of the test, in order. Each continues with the system as the previous part left it. A part is a function of
// {browser, system} that throws on failure. RG_PARTS="search,adding" runs only these parts, on a system that has been trained.

import { Browser } from './browser.mjs';
import * as system from './system.mjs';
import { adding } from './adding.mjs';
import { document } from './document.mjs';
import { failures } from './failures.mjs';
import { keyboard } from './keyboard.mjs';
import { layout } from './layout.mjs';
import { proxy } from './proxy.mjs';
import { search } from './search.mjs';
import { token } from './token.mjs';
import { training } from './training.mjs';
import { translate } from './translate.mjs';
import { watching } from './watching.mjs';

const parts = { watching, training, document, search, translate, adding, keyboard, layout, proxy, failures, token };
const asked = process.env.RG_PARTS?.split(',') ?? Object.keys(parts);

const browser = await Browser.launch();
try {
  for (const name of asked) {
    const began = performance.now();
    await parts[name]({ browser, system });
    await browser.settle(name);
    console.log(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
} catch (error) {
  await browser.lastLook();
  throw error;
} finally {
  await browser.close();
}
