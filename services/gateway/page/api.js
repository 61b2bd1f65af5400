// Requests to the gateway (/api/v1/openapi.yaml). If the gateway wants a token, a form asks for it and the request is repeated,
// so callers never see status 401. `connection` has the events `lost` and `back`: the gateway stopped answering, or answers again.

import { at } from './dom.js';
import { sentence } from './format.js';
import { query } from './route.js';

const BASE = new URL('api/v1', document.baseURI).pathname; // a proxy may serve the page below a path of its own
const TEMPORARY = new Set([0, 429, 503, 504]); // statuses for which a repeated request may succeed; 0: no answer
const LONGEST_WAIT_S = 10;
const GET_TIMEOUT_MS = 15000; // uploads have no timeout

export const connection = new EventTarget();
let lost = false;

export class ApiError extends Error {
  constructor(status, text, retryAfter_s) {
    super(sentence(text || `The gateway answers ${status}.`));
    this.status = status;
    this.isTemporary = TEMPORARY.has(status);
    this.retryAfter_s = retryAfter_s;
  }
}

export const url = (path, params) => `${BASE}${path}${query(params)}`;

export const thumbnail = id => url(`/images/${encodeURIComponent(id)}`);

export const get = (path, params) => request('GET', path, { params });

export function post(path, { params, file, signal } = {}) {
  const headers = file ? { 'Content-Type': file.type || 'application/octet-stream' } : {};
  return request('POST', path, { params, body: file, headers, signal });
}

let known;
/** The answer of /system, which does not change while the system runs; fetched once. */
export function system() {
  known ??= get('/system').catch(error => {
    known = undefined;
    throw error;
  });
  return known;
}

async function request(method, path, { params, ...rest }) {
  for (;;) {
    const timeout = method === 'GET' ? { signal: AbortSignal.timeout(GET_TIMEOUT_MS) } : {};
    const { answer, text } = await fetchText(url(path, params), { method, ...timeout, ...rest });
    if (answer.ok) return JSON.parse(text);
    if (answer.status !== 401) throw errorOf(answer, text);
    await unlock();
  }
}

async function fetchText(where, options) {
  try {
    const answer = await fetch(where, options);
    const text = await answer.text();
    noteConnection(false);
    return { answer, text };
  } catch (error) {
    if (error.name === 'AbortError') throw error; // the caller cancelled it
    noteConnection(true);
    throw new ApiError(0, 'The gateway does not answer.');
  }
}

function noteConnection(isLost) {
  if (lost === isLost) return;
  lost = isLost;
  connection.dispatchEvent(new Event(lost ? 'lost' : 'back'));
}

function errorOf({ status, headers }, text) {
  const wait = Number(headers.get('Retry-After'));
  return new ApiError(status, sentenceOf(text), wait || undefined);
}

function sentenceOf(text) {
  try {
    return JSON.parse(text).error.sentence;
  } catch {
    return ''; // not an answer of the gateway, but of a proxy
  }
}

/** Repeats `work` while it fails with temporary errors; calls `waiting(error, seconds)` before each pause. */
export async function persist(work, { signal, waiting = () => {} } = {}) {
  for (let wait_s = 1; ; wait_s = Math.min(2 * wait_s, LONGEST_WAIT_S)) {
    try {
      return await work();
    } catch (error) {
      if (!error.isTemporary) throw error;
      const seconds = error.retryAfter_s ?? wait_s;
      waiting(error, seconds);
      await pause(1000 * seconds, signal);
    }
  }
}

function pause(time_ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, time_ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

/* The token. */

let unlocking = null;

/** Sends the token; true if the gateway accepts it. The gateway then sets a cookie. */
async function openSession(token) {
  const answer = await fetch(url('/session'), {
    method: 'POST', body: token, headers: { 'Content-Type': 'text/plain' },
  });
  return answer.ok;
}

/** Resolves when the gateway has accepted a token. All waiting requests share one form. */
function unlock() {
  unlocking ??= new Promise(resolve => askForToken(resolve)).finally(() => { unlocking = null; });
  return unlocking;
}

function askForToken(done) {
  const dialog = at('session'), field = at('token'), error = at('session-error');
  const form = dialog.querySelector('form');
  const refuse = event => event.preventDefault(); // Escape does not close the form: the page needs the token
  const submit = async event => {
    event.preventDefault();
    error.textContent = '';
    const right = await openSession(field.value.trim()).catch(() => null);
    if (right === null) error.textContent = 'The gateway does not answer. Try again in a moment.';
    else if (!right) error.textContent = 'That is not the token.';
    if (!right) return field.select();
    field.value = '';
    form.removeEventListener('submit', submit);
    dialog.removeEventListener('cancel', refuse);
    dialog.close();
    done();
  };
  form.addEventListener('submit', submit);
  dialog.addEventListener('cancel', refuse);
  dialog.showModal();
}

/** Uses the token of an address that ends in #token=..., and removes it from the address and the history. */
export async function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return;
  history.replaceState(null, '', location.pathname);
  await openSession(token).catch(() => false);
}
