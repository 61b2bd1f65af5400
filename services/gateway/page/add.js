// The tab Add: uploads images from a queue, a few at a time. Temporary errors, such as a busy service or a lost connection, are
// retried, so ten thousand files need no supervision. The page is drawn at a fixed rate, not per file, so it stays fast.

import { ApiError, persist, post, thumbnail } from './api.js';
import { acceptDrop, at, h, setText } from './dom.js';
import { bytes, duration, integer, percent, plural } from './format.js';
import { Queue } from './tasks.js';

const AT_ONCE = 8;
const BATCH = 200;              // files read from a folder before the page may draw
const STRIP = 16;               // thumbnails of the latest images
const REFUSALS_SHOWN = 200;
const RATE_WINDOW_S = 10;
const DRAW_EVERY_MS = 250;
const DISK_FULL = 507;
const IMAGE = /^[^.].*\.(jpe?g|jpe|jfif|png|webp)$/i; // `._x.jpg` and other hidden files are not meant
const NAME_BYTES = 255;

let limits, drawing, stopper;
const queue = new Queue(AT_ONCE, upload);
let counts = emptyCounts();

function emptyCounts() {
  return { total: 0, added: 0, duplicate: 0, refused: 0, refusals: [], last: [], finished: [], reading: 0, halted: null };
}

const done = () => counts.added + counts.duplicate + counts.refused;
const busy = () => counts.reading > 0 || queue.waiting > 0 || queue.open > 0;

export function init(about) {
  limits = about.limits;
  acceptDrop(at('add-drop'), data => take(filesOfDrop(data)));
  for (const id of ['add-files', 'add-folder']) {
    at(id).addEventListener('change', async ({ target }) => {
      await take(filesOfInput(target));
      target.value = '';
    });
  }
  at('add-stop').addEventListener('click', () => halt('Stopped. The images that were added stay.'));
  at('add-resume').addEventListener('click', resume);
  window.addEventListener('beforeunload', event => busy() && !counts.halted && event.preventDefault());
}

export function show() {}

async function take(files) {
  if (!busy()) begin();
  else if (counts.halted) resume();
  const mine = counts;
  mine.reading++;
  draw();
  try {
    let some = [];
    for await (const file of files) {
      some.push(file);
      if (some.length < BATCH) continue;
      put(some);
      some = [];
      await new Promise(resolve => setTimeout(resolve)); // lets the page draw and react
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
  counts.total += files.length;
  queue.add(...files);
  draw();
}

function begin() {
  queue.clear();
  queue.resume();
  stopper = new AbortController();
  counts = emptyCounts();
}

async function upload(item) {
  try {
    if (item.file.size > limits.image_bytes) {
      throw new ApiError(413, `It has ${bytes(item.file.size)}, the limit is ${bytes(limits.image_bytes)}.`);
    }
    const request = { params: { name: item.name }, file: item.file, signal: stopper.signal };
    const answer = await persist(() => post('/images', request), { signal: stopper.signal, waiting: notice });
    notice(null);
    settle(item, answer);
  } catch (error) {
    if (stopper.signal.aborted) queue.add(item);
    else if (error.status === DISK_FULL) halt(`${error.message} Free some space, then go on.`, item);
    else refuse({ name: item.name, reason: error.message });
  }
}

function settle({ name }, { id, fate, reason }) {
  if (fate === 'refused') return refuse({ name, reason });
  counts[fate]++;
  if (fate === 'added') counts.last = [{ id, name }, ...counts.last].slice(0, STRIP);
  count();
}

function refuse(refusal) {
  counts.refused++;
  counts.refusals.push(refusal);
  count();
}

function count() {
  const now = performance.now();
  counts.finished.push(now);
  while (now - counts.finished[0] > 1000 * RATE_WINDOW_S) counts.finished.shift();
  draw();
}

/** Stops the uploads. The files that are left wait for `resume`. */
function halt(sentence, ...back) {
  queue.pause();
  counts.halted = sentence;
  stopper.abort();
  queue.add(...back);
  draw();
}

function resume() {
  stopper = new AbortController();
  counts.halted = null;
  counts.finished = [];
  queue.resume();
  draw();
}

function notice(error, seconds) {
  counts.passing = error && `${error.message} Trying again in ${plural(seconds, 'second')}.`;
  draw();
}

/** Draws the page soon: at most every DRAW_EVERY_MS, however often it is called. */
function draw() {
  drawing ??= setTimeout(() => {
    drawing = null;
    drawNow();
  }, DRAW_EVERY_MS);
}

function drawNow() {
  const working = busy(), notice = counts.halted ?? counts.passing;
  at('adding').hidden = false;
  at('add-progress').max = Math.max(counts.total, 1);
  at('add-progress').value = done();
  const share = counts.total ? percent(done() / counts.total) : '';
  setText(at('add-done'), `${integer(done())} of ${plural(counts.total, 'file')}${counts.reading ? ' so far' : ''}`);
  setText(at('add-left'), counts.halted ? share : working ? paceText() : 'done');
  setText(at('add-notice'), notice ?? '');
  at('add-notice').hidden = !notice;
  at('add-stop').hidden = !working || counts.halted !== null;
  at('add-resume').hidden = counts.halted === null || !queue.waiting;
  for (const fate of ['added', 'duplicate', 'refused']) setText(at(`add-${fate}`), integer(counts[fate]));
  if (!working) setText(at('add-spoken'), `${plural(counts.added, 'image')} added, ${integer(counts.refused)} refused.`);
  drawStrip();
  drawRefusals();
}

function paceText() {
  const [first] = counts.finished, last = counts.finished.at(-1);
  if (!(last > first)) return '';
  const per_s = 1000 * (counts.finished.length - 1) / (last - first);
  return `${per_s < 10 ? per_s.toFixed(1) : integer(per_s)} per second, ${duration((counts.total - done()) / per_s)} left`;
}

function drawStrip() {
  at('add-strip').replaceChildren(...counts.last.map(({ id, name }) =>
    kept(id) ?? h('li', { 'data-id': id }, h('img', { src: thumbnail(id), alt: name, title: name }))));
}

const kept = id => at('add-strip').querySelector(`[data-id="${CSS.escape(id)}"]`);

function drawRefusals() {
  const { refusals } = counts, body = at('refusals').querySelector('tbody');
  at('refusals').hidden = refusals.length === 0;
  const shown = refusals.slice(-REFUSALS_SHOWN).reverse();
  if (body.dataset.count === String(refusals.length)) return;
  body.dataset.count = refusals.length;
  body.replaceChildren(...shown.map(({ name, reason }) =>
    h('tr', {}, h('td', {}, h('bdi', {}, name)), h('td', {}, reason))));
  const more = refusals.length - shown.length;
  setText(at('refusals-more'), more ? `and ${integer(more)} before these` : '');
}

/* Files of a drop or an input. From folders only files with the names of images are taken, as `rg-ctl add-images` does; a file that was
chosen by itself is taken whatever its name. */

/** The files of a drop, folder by folder, as {file, name}. */
async function* filesOfDrop(data) {
  const entries = [...data.items].filter(item => item.kind === 'file').map(item => item.webkitGetAsEntry()); // the items are gone after the event
  for (const entry of entries) yield* walk(entry, entry?.isFile);
}

async function* walk(entry, named) {
  if (entry?.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    const path = entry.fullPath.replace(/^\//, '');
    if (named || IMAGE.test(file.name)) yield { file, name: nameFor(path, file.name) };
  } else if (entry?.isDirectory) {
    for await (const child of children(entry)) yield* walk(child, false);
  }
}

/** A reader returns about a hundred entries per call, and none at the end. */
async function* children(folder) {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    yield* some;
  }
}

/** The files of an input element, as {file, name}. */
function* filesOfInput(input) {
  for (const file of input.files) {
    const path = file.webkitRelativePath || file.name;
    if (!input.webkitdirectory || IMAGE.test(file.name)) yield { file, name: nameFor(path, file.name) };
  }
}

/** The path if it is short enough for a name, else the file's name. */
const nameFor = (path, name) => (new TextEncoder().encode(path).length <= NAME_BYTES ? path : name);
