// Adding images: a queue of files, a few of them on their way. What passes - a busy service, a lost connection - is waited for, so
// ten thousand files need nobody beside them; and nothing is drawn per file, so the page stays quick.

import { ApiError, persist, post, thumbnail } from './api.js';
import { acceptDrop, at, h, setText } from './dom.js';
import { filesOfDrop, filesOfInput } from './files.js';
import { bytes, duration, integer, percent, plural } from './format.js';
import { Queue } from './queue.js';

const AT_ONCE = 8;
const BATCH = 200;              // files taken out of a folder before the page may draw again
const STRIP = 16;               // thumbnails of what was added last
const REFUSALS_SHOWN = 200;
const RATE_WINDOW_S = 10;
const DRAW_EVERY_MS = 250;
const DISK_FULL = 507;

let limits, drawing, stopper;
const queue = new Queue(AT_ONCE, upload);
let tally = emptyTally();

function emptyTally() {
  return { total: 0, added: 0, duplicate: 0, refused: 0, refusals: [], last: [], finished: [], reading: 0, halted: null };
}

const done = () => tally.added + tally.duplicate + tally.refused;
const busy = () => tally.reading > 0 || queue.waiting > 0 || queue.open > 0;

export function init(about) {
  limits = about.limits;
  acceptDrop(at('add-drop'), data => take(filesOfDrop(data)));
  for (const id of ['add-files', 'add-folder']) {
    at(id).addEventListener('change', async ({ target }) => {
      await take(filesOfInput(target));
      target.value = '';
    });
  }
  at('add-stop').addEventListener('click', () => halt('Stopped. What was added stays added.'));
  at('add-resume').addEventListener('click', resume);
  window.addEventListener('beforeunload', event => busy() && !tally.halted && event.preventDefault());
}

export function show() {}

async function take(files) {
  if (!busy()) begin();
  else if (tally.halted) resume();
  const mine = tally;
  mine.reading++;
  draw();
  try {
    let some = [];
    for await (const file of files) {
      some.push(file);
      if (some.length < BATCH) continue;
      put(some);
      some = [];
      await new Promise(resolve => setTimeout(resolve)); // lets the page draw and answer
    }
    put(some);
  } catch (error) {
    refuse({ name: 'a folder', reason: `cannot be read: ${error.message}` });
  } finally {
    mine.reading--;
    draw();
  }
}

function put(files) {
  tally.total += files.length;
  queue.add(...files);
  draw();
}

function begin() {
  queue.clear();
  queue.resume();
  stopper = new AbortController();
  tally = emptyTally();
}

async function upload(item) {
  try {
    if (item.file.size > limits.image_bytes) {
      throw new ApiError(413, `It has ${bytes(item.file.size)}, the limit is ${bytes(limits.image_bytes)}.`);
    }
    const request = { params: { name: item.name }, jpeg: item.file, signal: stopper.signal };
    const answer = await persist(() => post('/images', request), { signal: stopper.signal, waiting: notice });
    notice(null);
    settle(item, answer);
  } catch (error) {
    if (stopper.signal.aborted) queue.add(item);
    else if (error.status === DISK_FULL) halt(`${error.message} Nothing more is sent until there is room.`, item);
    else refuse({ name: item.name, reason: error.message });
  }
}

function settle({ name }, { id, fate, reason }) {
  if (fate === 'refused') return refuse({ name, reason });
  tally[fate]++;
  if (fate === 'added') tally.last = [{ id, name }, ...tally.last].slice(0, STRIP);
  count();
}

function refuse(refusal) {
  tally.refused++;
  tally.refusals.push(refusal);
  count();
}

function count() {
  const now = performance.now();
  tally.finished.push(now);
  while (now - tally.finished[0] > 1000 * RATE_WINDOW_S) tally.finished.shift();
  draw();
}

/** Stops after what is on its way; everything that is left is kept for `resume`. */
function halt(sentence, ...back) {
  queue.pause();
  tally.halted = sentence;
  stopper.abort();
  queue.add(...back);
  draw();
}

function resume() {
  stopper = new AbortController();
  tally.halted = null;
  tally.finished = [];
  queue.resume();
  draw();
}

function notice(error, seconds) {
  tally.passing = error && `${error.message} Trying again in ${plural(seconds, 'second')}.`;
  draw();
}

/** Whatever happens, the page is drawn a few times a second. */
function draw() {
  drawing ??= setTimeout(() => {
    drawing = null;
    drawNow();
  }, DRAW_EVERY_MS);
}

function drawNow() {
  const working = busy(), notice = tally.halted ?? tally.passing;
  at('adding').hidden = false;
  at('add-progress').max = Math.max(tally.total, 1);
  at('add-progress').value = done();
  const share = tally.total ? percent(done() / tally.total) : '';
  setText(at('add-done'), `${integer(done())} of ${plural(tally.total, 'file')}${tally.reading ? ' so far' : ''}`);
  setText(at('add-left'), tally.halted ? share : working ? paceText() : 'done');
  setText(at('add-notice'), notice ?? '');
  at('add-notice').hidden = !notice;
  at('add-stop').hidden = !working || tally.halted !== null;
  at('add-resume').hidden = tally.halted === null || !queue.waiting;
  for (const fate of ['added', 'duplicate', 'refused']) setText(at(`add-${fate}`), integer(tally[fate]));
  if (!working) setText(at('add-spoken'), `${plural(tally.added, 'image')} added, ${integer(tally.refused)} refused.`);
  drawStrip();
  drawRefusals();
}

function paceText() {
  const [first] = tally.finished, last = tally.finished.at(-1);
  if (!(last > first)) return '';
  const per_s = 1000 * (tally.finished.length - 1) / (last - first);
  return `${per_s < 10 ? per_s.toFixed(1) : integer(per_s)} per second, ${duration((tally.total - done()) / per_s)} left`;
}

function drawStrip() {
  at('add-strip').replaceChildren(...tally.last.map(({ id, name }) =>
    kept(id) ?? h('li', { 'data-id': id }, h('img', { src: thumbnail(id), alt: name, title: name }))));
}

const kept = id => at('add-strip').querySelector(`[data-id="${CSS.escape(id)}"]`);

function drawRefusals() {
  const { refusals } = tally, body = at('refusals').querySelector('tbody');
  at('refusals').hidden = refusals.length === 0;
  const shown = refusals.slice(-REFUSALS_SHOWN).reverse();
  if (body.dataset.count === String(refusals.length)) return;
  body.dataset.count = refusals.length;
  body.replaceChildren(...shown.map(({ name, reason }) =>
    h('tr', {}, h('td', {}, h('bdi', {}, name)), h('td', {}, reason))));
  const more = refusals.length - shown.length;
  setText(at('refusals-more'), more ? `and ${integer(more)} before these` : '');
}
