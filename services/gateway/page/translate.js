// The tab Translate: the image with each attribute changed, one row per domain, one request per row and way. Each row has the
// generated samples, with the neighbours that guided them.

import { persist, post } from './api.js';
import { addressOf, chooser, domains, noteNames, showHint, sourceOf } from './controls.js';
import { at, chosen, h } from './dom.js';
import { plural, stageTitle } from './format.js';
import { guide } from './neighbours.js';
import { address, go } from './route.js';
import { Queue } from './tasks.js';

const AT_ONCE = 2;
const TYPING_MS = 400;
const WAYS = { retrieved: ['retrieved'], none: ['none'], both: ['retrieved', 'none'] };
const WAY_NAMES = { retrieved: 'with neighbours', none: 'without' };

let form, showPicture, rows, typing;
let source = null, job = null;

export function init(about) {
  rows = domains(about);
  form = at('translate-controls');
  form.elements.samples.max = about.limits.samples;
  form.elements.samples.value = Math.min(3, about.limits.samples);
  showPicture = chooser(form.querySelector('.picture'), about.limits, picture => go('translate', addressOf(picture)));
  form.addEventListener('submit', event => event.preventDefault());
  form.addEventListener('input', event => {
    if (event.target.type === 'file') return;
    clearTimeout(typing);
    typing = setTimeout(() => source && form.reportValidity() && translate(), TYPING_MS);
  });
  at('translate-again').addEventListener('click', () => {
    form.elements.seed.value = Number(form.elements.seed.value) + 1;
    translate();
  });
  at('translate-stop').addEventListener('click', () => job.abort());
}

export function show(params) {
  const before = source;
  source = sourceOf(params);
  showPicture(source);
  at('translate-again').disabled = !source;
  if (!source) showNothing();
  else if (source.url !== before?.url) translate();
}

function showNothing() {
  job?.abort();
  say('');
  at('translate-search').hidden = true;
  at('translations').replaceChildren();
  showHint(at('translate-empty'), 'One face, every attribute changed.',
    'Choose an image. Each row changes one attribute and shows the real images that guided it.');
}

function say(text, isError = false) {
  at('translate-outcome').textContent = text;
  at('translate-outcome').classList.toggle('error', isError);
}

/** Translates all rows. The rows of an earlier job that are not finished are dropped. */
function translate() {
  job?.abort();
  const mine = job = Object.assign(new AbortController(), { left: rows.length });
  showHint(at('translate-empty'));
  at('translate-search').hidden = false;
  at('translate-search').href = address('search', addressOf(source));
  at('translate-stop').disabled = false;
  say(`Translating to ${plural(rows.length, 'domain')}`);
  const asked = { source, ways: WAYS[chosen(form, 'guidance')], samples: chosen(form, 'samples'), seed: chosen(form, 'seed') };
  const waiting = rows.map(domain => ({ domain, job: mine, asked, element: emptyRow(domain, asked.ways) }));
  mine.seen = h('img', { src: source.url, alt: 'the image' });
  const first = h('section', { className: 'row' }, h('h3', {}, 'The image'), h('div', { className: 'draw' }, mine.seen));
  at('translations').replaceChildren(first, ...waiting.map(row => row.element));
  mine.signal.addEventListener('abort', () => {
    queue.clear();
    for (const { element } of waiting) settle(element);
    end('Stopped.');
  });
  queue.add(...waiting);
}

function end(text) {
  at('translate-stop').disabled = true;
  say(text);
}

const emptyRow = ({ label }, ways) => h('section', { className: 'row' }, h('h3', {}, label),
  h('div', { className: 'ways', 'aria-busy': 'true' }, ...ways.map(() => h('div', { className: 'way' }))));

const settle = row => row.querySelector('.ways').removeAttribute('aria-busy');

const pngOf = base64 => `data:image/png;base64,${base64}`;

const queue = new Queue(AT_ONCE, translateRow);

async function translateRow({ domain, job: mine, asked, element }) {
  const ways = element.querySelectorAll('.way');
  try {
    for (const [i, guidance] of asked.ways.entries()) {
      const answer = await askFor(domain, guidance, asked, mine.signal);
      if (mine.signal.aborted) return;
      const title = asked.ways.length > 1 ? [h('p', {}, WAY_NAMES[guidance])] : [];
      ways[i].replaceChildren(...title, h('div', { className: 'draws' }, ...answer.samples.map(draw(domain))));
      mine.stage = answer.stage;
      mine.seen.src = pngOf(answer.source); // at the size of the networks
    }
  } catch (error) {
    if (mine.signal.aborted) return;
    ways[0].replaceChildren(h('p', { className: 'error' }, error.message));
  }
  settle(element);
  if (--mine.left === 0) end(mine.stage ? `Translated by ${stageTitle(mine.stage)}` : '');
}

function askFor({ attributes }, guidance, { source: { params, file }, samples, seed }, signal) {
  const request = { params: { ...params, attributes, samples, seed, guidance }, file, signal };
  return persist(() => post('/translate', request), {
    signal,
    waiting: (error, seconds) => say(`${error.message} Trying again in ${plural(seconds, 'second')}.`, true),
  });
}

const draw = ({ label }) => ({ png, neighbours }) => {
  noteNames(neighbours);
  return h('div', { className: 'draw' },
    h('img', { src: pngOf(png), alt: label }),
    h('div', { className: 'guides' }, ...neighbours.map(guide)));
};
