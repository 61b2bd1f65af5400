// Requests to the gateway (/api/v1/openapi.yaml). A wrong or missing token is asked for here, so no caller sees a 401;
// `connection` tells when the gateway is lost and when it is back.

import { query } from './route.js';
import { unlock } from './session.js';

const BASE = '/api/v1';
const PASSING = new Set([0, 429, 503, 504]); // what repeating may help against; 0: nobody answered
const LONGEST_WAIT_S = 10;
const SILENCE_MS = 15000;                 // after which a question is given up; what is sent may take its time

export const connection = new EventTarget();
let lost = false;

export class ApiError extends Error {
  constructor(status, sentence, retryAfter_s) {
    super(sentence);
    this.status = status;
    this.passes = PASSING.has(status);
    this.retryAfter_s = retryAfter_s;
  }
}

export const url = (path, params) => `${BASE}${path}${query(params)}`;

export const thumbnail = id => url(`/images/${encodeURIComponent(id)}`);

export const get = async (path, params) => (await request('GET', path, { params })).json();

export async function post(path, { params, jpeg, signal } = {}) {
  const headers = jpeg ? { 'Content-Type': 'image/jpeg' } : {};
  return (await request('POST', path, { params, body: jpeg, headers, signal })).json();
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
    const answer = await reach(url(path, params), { method, ...patience, ...rest });
    if (answer.ok) return answer;
    if (answer.status !== 401) throw await errorOf(answer);
    await unlock();
  }
}

async function reach(where, options) {
  try {
    const answer = await fetch(where, options);
    note(false);
    return answer;
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

async function errorOf(answer) {
  const { error } = await answer.json().catch(() => ({}));
  const wait = Number(answer.headers.get('Retry-After'));
  return new ApiError(answer.status, error?.sentence ?? `The gateway answers ${answer.status}.`, wait || undefined);
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
