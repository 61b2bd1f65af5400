// Tests the test: every kind of complaint is noticed.

import assert from 'node:assert/strict';
import { until } from './browser.mjs';

export async function watching({ browser }) {
  const page = await browser.open();
  await page.evaluate(() => {
    window.blocked = [];
    document.addEventListener('securitypolicyviolation', event => window.blocked.push(event.effectiveDirective));
    const script = document.createElement('script');
    script.textContent = 'window.ran = true';
    document.body.append(script);
    document.body.setAttribute('style', 'color: red');
    setTimeout(() => { throw new Error('thrown'); });
  });
  await until(page, 'two violations', () => window.blocked.length === 2);
  await page.evaluate(() => fetch('/api/v1/nothing'));
  assert.equal(await page.evaluate(() => window.ran), undefined, 'an inline script ran');
  const complaints = browser.complaints.splice(0).join('\n');
  for (const seen of [/inline script/i, /inline style/i, /thrown/, /404/]) assert.match(complaints, seen);
}
