// The tab Search: real images with the content of an image and with wanted attributes. The address holds the whole query: every
// control changes the address, and `show` runs the search of the address.

import { persist, post, url } from './api.js';
import { addressOf, chooser, edits, noteNames, showHint, sourceOf } from './controls.js';
import { at, chosen, h } from './dom.js';
import { integer, plural, sentence } from './format.js';
import { card } from './neighbours.js';
import { address, go } from './route.js';

const TYPING_MS = 250;
const DEFAULTS = { k: '12', annotation: 'any', name_prefix: '' };

let form, showPicture, showEdits;
let source = null, attributes = '';
let asked = null; // the latest query, in progress or answered
let typing;

export function init(about) {
  form = at('search-controls');
  form.elements.k.max = about.limits.k;
  showPicture = chooser(form.querySelector('.picture'), about.limits, picture => ask(picture));
  showEdits = edits(at('search-edits'), about, text => {
    attributes = text;
    ask(source, { replace: true });
  });
  form.addEventListener('submit', event => event.preventDefault());
  for (const name of Object.keys(DEFAULTS)) form.elements[name].addEventListener('input', onTyping);
  at('search-hint').querySelector('button').addEventListener('click', copyCurl);
}

function onTyping() {
  clearTimeout(typing);
  typing = setTimeout(() => form.reportValidity() && ask(source, { replace: true }), TYPING_MS);
}

const options = () => Object.fromEntries(Object.entries(DEFAULTS)
  .map(([name, usual]) => [name, chosen(form, name) === usual ? '' : chosen(form, name)]));

const ask = (from, how) => go('search', { ...addressOf(from), attributes, ...options() }, how);

export function show(params) {
  source = sourceOf(params);
  attributes = params.get('attributes') ?? '';
  for (const [name, usual] of Object.entries(DEFAULTS)) form.elements[name].value = params.get(name) ?? usual;
  showPicture(source);
  showEdits(attributes);
  if (source) search(params.toString());
  else showNothing();
}

export const hide = () => clearTimeout(typing);

function showNothing() {
  asked?.abort();
  asked = null;
  at('search-outcome').textContent = '';
  at('search-translate').hidden = at('search-hint').hidden = true;
  at('neighbours').replaceChildren();
  showHint(at('search-empty'), 'Which real images look like yours?',
    'Choose an image, then switch the attributes that should differ.');
}

async function search(query) {
  if (asked?.query === query && asked.answered) return;
  asked?.abort();
  const mine = asked = Object.assign(new AbortController(), { query });
  const params = { ...source.params, attributes, k: DEFAULTS.k, ...filled(options()) };
  const request = { params, file: source.file, signal: mine.signal };
  const list = at('neighbours');
  list.classList.add('stale');
  showHint(at('search-empty'));
  showCurl(params);
  at('search-translate').hidden = false;
  at('search-translate').href = address('translate', addressOf(source));
  try {
    const answer = await persist(() => post('/search', request), {
      signal: mine.signal,
      waiting: (error, seconds) => say(`${error.message} Trying again in ${plural(seconds, 'second')}.`, true),
    });
    mine.answered = true;
    showAnswer(answer);
  } catch (error) {
    if (mine.signal.aborted) return;
    list.replaceChildren();
    say(error.message, true);
    if (error.status === 409) {
      showHint(at('search-empty'), 'No model is trained yet.', h('code', {}, 'rg-ctl train'));
    }
  } finally {
    if (mine === asked) list.classList.remove('stale');
  }
}

const filled = params => Object.fromEntries(Object.entries(params).filter(([, value]) => value));

function say(text, isError = false) {
  at('search-outcome').textContent = text;
  at('search-outcome').classList.toggle('error', isError);
}

function showAnswer({ generation, images, neighbours, message }) {
  noteNames(neighbours);
  at('neighbours').replaceChildren(...neighbours.map(card));
  const found = `${integer(neighbours.length)} of ${plural(images, 'image')}, generation ${integer(generation)}`;
  say(message && neighbours.length ? `${found}. ${sentence(message)}` : found);
  if (neighbours.length) return;
  if (images) showHint(at('search-empty'), 'No image matches.', 'Try fewer conditions.');
  else showHint(at('search-empty'), 'The retrieval set is empty.', h('a', { href: '#add' }, 'Add some images'));
}

/** A word in quotes for a shell. */
const quoted = word => `'${word.replaceAll("'", "'\\''")}'`;

function showCurl(params) {
  const { hostname, origin } = location;
  const token = /^(localhost|127\.|\[::1\])/.test(hostname) ? [] : ['-H "Authorization: Bearer $RG_TOKEN"'];
  const type = `-H 'Content-Type: ${source.file?.type || 'application/octet-stream'}'`;
  const image = source.file ? [type, `--data-binary ${quoted(`@${source.name}`)}`] : [];
  const words = ['curl -X POST', ...token, ...image, quoted(origin + url('/search', params))];
  at('search-hint').querySelector('code').textContent = words.join(' ');
  at('search-hint').hidden = false;
}

async function copyCurl({ target }) {
  const code = at('search-hint').querySelector('code');
  try {
    await navigator.clipboard.writeText(code.textContent);
    target.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(code); // no clipboard without a secure origin: selects the text instead
    target.textContent = 'Selected';
  }
}
