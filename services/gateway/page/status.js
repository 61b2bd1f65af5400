// The tab Status: a card per service, with its fields and its requests.

import { get } from './api.js';
import { at, h, keyed, setText } from './dom.js';
import { bytes, duration, integer, number, readable } from './format.js';
import { Poll } from './tasks.js';

const poll = new Poll(async () => draw((await get('/status')).services));

export function init() {}
export const show = () => poll.start();
export const hide = () => poll.stop();

function draw(services) {
  const silent = services.filter(({ answers }) => !answers).map(({ service }) => service);
  setText(at('status-summary'), silent.length
    ? `${silent.join(', ')} ${silent.length === 1 ? 'does' : 'do'} not answer.`
    : `All ${services.length} services answer.`);
  at('status-summary').classList.toggle('error', silent.length > 0);
  keyed(at('services'), services, ({ service }) => service, makeCard, updateCard);
}

function makeCard({ service }) {
  return h('article', { className: 'service', 'aria-label': service },
    h('h2', {}, h('span', { className: 'dot' }), service, h('span', { className: 'quiet' })),
    h('p', { className: 'help' }, 'This service does not answer. If it does not restart by itself: ', h('code', {}, 'rg-ctl up')),
    h('dl', { className: 'fields' }),
    h('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': `Requests to ${service}` },
      h('table', {},
        h('thead', {}, h('tr', {}, h('th', {}, 'request'), ...['count', 'errors', 'p50 ms', 'p99 ms'].map(name =>
          h('th', { className: 'number' }, name)))),
        h('tbody'))),
    h('p', { className: 'metrics' }, h('a', {}, '/metrics')));
}

function updateCard(card, { service, answers, state, detail, version, pid, uptime_s, fields = {}, requests = {}, metrics_port }) {
  const part = selector => card.querySelector(selector);
  card.classList.toggle('silent', !answers);
  const activity = state === 'ready' ? '' : `${state}${detail && ` (${detail})`}, `;
  setText(part('h2 .quiet'), answers ? `${activity}${version}, pid ${pid}, up ${duration(uptime_s)}` : 'silent');
  part('.help').hidden = answers;
  part('.scroll').hidden = Object.keys(requests).length === 0;
  keyed(part('dl'), Object.entries(fields), ([name]) => name, makeField, updateField);
  keyed(part('tbody'), Object.entries(requests), ([kind]) => kind, makeRequest, updateRequest);
  part('.metrics').hidden = !metrics_port;
  if (metrics_port) part('.metrics a').href = `http://${location.hostname}:${metrics_port}/metrics`;
}

const makeField = ([name]) => h('div', {}, h('dt', {}, readable(name)), h('dd'));
const updateField = (element, [name, value]) => setText(element.lastChild, formatField(name, value));

/** Fields are texts. Whole numbers get thousands separators. */
function formatField(name, value) {
  if (!/^\d+$/.test(value)) return value;
  return name.endsWith('_bytes') ? bytes(value) : integer(value);
}

const makeRequest = ([kind]) => h('tr', {}, h('th', { scope: 'row' }, kind),
  ...Array.from({ length: 4 }, () => h('td', { className: 'number' })));

function updateRequest(row, [, { count, errors, p50_ms, p99_ms }]) {
  [integer(count), integer(errors), number(p50_ms), number(p99_ms)].forEach((text, i) => setText(row.cells[i + 1], text));
  row.cells[2].classList.toggle('error', errors > 0);
}
