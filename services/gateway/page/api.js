// Requests to the gateway (/api/v1/openapi.yaml). A wrong or missing token is asked for here, so no caller sees a 401;
// `connection` tells when the gateway is lost and when it is back.

import { sentence } from './format.js';
import { query } from './route.js';
import { unlock } from './session.js';

const BASE = '/api/v1';
const PASSING = new Set([0, 429, 503, 504]); // what repeating may help against; 0: nobody answered
const LONGEST_WAIT_S = 10;
const SILENCE_MS = 15000;                 // after which a question is given up; what is sent may take its time

export const connection = new EventTarget();
let lost = false;

export class ApiError extends Error {
  constructor(status, text, retryAfter_s) {
    super(sentence(text || `The gateway answers ${status}.`));
    this.status = status;
    this.passes = PASSING.has(status);
    this.retryAfter_s = retryAfter_s;
  }
}

export const url = (path, params) => `${BASE}${path}${query(params)}`;

export const thumbnail = id => url(`/images/${encodeURIComponent(id)}`);

export const get = (path, params) => request('GET', path, { params });

export function post(path, { params, jpeg, signal } = {}) {
  const headers = jpeg ? { 'Content-Type': 'image/jpeg' } : {};
  return request('POST', path, { params, body: jpeg, headers, signal });
}

let known;
/** What does not change while the system runs; asked for once. */
export function system() {
  known ??= get('/system').catch(error => {
    known = undefined;
    throw error;
  });
  return known;
}

async function request(method, path, { params, ...rest }) {
  for (;;) {
    const patience = method === 'GET' ? { signal: AbortSignal.timeout(SILENCE_MS) } : {};
    const { answer, text } = await reach(url(path, params), { method, ...patience, ...rest });
    if (answer.ok) return JSON.parse(text);
    if (answer.status !== 401) throw errorOf(answer, text);
    await unlock();
  }
}

async function reach(where, options) {
  try {
    const answer = await fetch(where, options);
    const text = await answer.text();
    note(false);
    return { answer, text };
  } catch (error) {
    if (error.name === 'AbortError') throw error; // by whoever asked
    note(true);
    throw new ApiError(0, 'The gateway does not answer.');
  }
}

function note(isLost) {
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
    return ''; // something between us and the gateway answered
  }
}

/** Repeats `work` while it fails for reasons that pass; `waiting(error, seconds)` is told of each of them. */
export async function persist(work, { signal, waiting = () => {} } = {}) {
  for (let wait_s = 1; ; wait_s = Math.min(2 * wait_s, LONGEST_WAIT_S)) {
    try {
      return await work();
    } catch (error) {
      if (!error.passes) throw error;
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
