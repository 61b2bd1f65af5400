// The page behind a proxy that serves it below a path of its own: every file and request must be relative to the page.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { choosePicture, until } from './browser.mjs';

const PREFIX = '/tools/rg';

/** A proxy that passes PREFIX/... on to the gateway as /..., with the Host header, and answers 404 elsewhere. */
function startProxy(origin) {
  const strays = [];
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    if (!url.startsWith(`${PREFIX}/`)) {
      strays.push(url);
      answer.writeHead(404).end();
      return;
    }
    const passed = request(origin + url.slice(PREFIX.length), { method, headers }, from => {
      answer.writeHead(from.statusCode, from.headers);
      from.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve({ server, strays })));
}

export async function proxy({ browser, system }) {
  const { server, strays } = await startProxy(system.origin);
  const there = `http://127.0.0.1:${server.address().port}${PREFIX}/`;
  try {
    const page = await browser.open(`${there}#search`);
    await choosePicture(page, 'search', system.faces[0]);
    await until(page, 'neighbours with their pictures', () => {
      const pictures = [...document.querySelectorAll('#neighbours img')];
      return pictures.length === 12 && pictures.every(picture => picture.complete && picture.naturalWidth > 0);
    });
    const curl = await page.textContent('#search-hint code');
    assert(curl.includes(`${there}api/v1/search?`), curl);
    await page.goto(`${there}#training`);
    await page.waitForSelector('#training-panel canvas');
    assert.deepEqual(strays, [], 'requests beside the page');
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
