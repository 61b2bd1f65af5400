// The frame: which tab is shown, what it is told, and the banner. Every tab is a module with `init`, called once with what
// /system says, `show(parameters)` and, where it does something on its own, `hide`.

import { connection, get, persist, system } from './api.js';
import { at, setText } from './dom.js';
import { Poll } from './poll.js';
import { route } from './route.js';
import { takeTokenFromAddress } from './session.js';
import * as add from './add.js';
import * as search from './search.js';
import * as status from './status.js';
import * as training from './training.js';
import * as translate from './translate.js';

const TABS = { training, search, translate, add, status };
const SMALL_PX = 64; // up to there single pixels are shown as what they are

const tabs = [...document.querySelectorAll('[role=tab]')];
let shown = null;

function show() {
  const [asked, params] = route();
  const name = asked in TABS ? asked : 'training';
  if (shown && shown !== name) TABS[shown].hide?.();
  for (const tab of tabs) mark(tab, tab.id === `tab-${name}`);
  at(`tab-${name}`).href = location.hash || `#${name}`; // a tab is come back to as it was left
  shown = name;
  TABS[name].show(params);
}

function mark(tab, selected) {
  tab.setAttribute('aria-selected', selected);
  tab.tabIndex = selected ? 0 : -1;
  at(tab.getAttribute('aria-controls')).hidden = !selected;
  if (selected) document.title = `${tab.textContent} – RG-UNIT`;
}

/** As in the tab pattern of ARIA: arrows, Home and End go from tab to tab. */
function onTabKey(event) {
  const i = tabs.indexOf(event.target), last = tabs.length - 1;
  const next = { ArrowLeft: i ? i - 1 : last, ArrowRight: i < last ? i + 1 : 0, Home: 0, End: last }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  tabs[next].focus();
  location.hash = tabs[next].hash;
}

/** While the gateway is lost it is asked for by itself, whatever tab is open. */
function watchConnection() {
  const probe = new Poll(() => get('/system'));
  connection.addEventListener('lost', () => {
    warn('The gateway does not answer. Trying again every two seconds; what you see is what it said last.');
    probe.start();
  });
  connection.addEventListener('back', () => {
    at('banner').hidden = true;
    probe.stop();
  });
}

function warn(text) {
  setText(at('banner'), text);
  at('banner').hidden = false;
}

async function start() {
  watchConnection();
  await takeTokenFromAddress();
  const about = await persist(system);
  setText(at('run'), about.run);
  document.body.classList.toggle('small-pictures', about.img_size <= SMALL_PX);
  for (const tab of Object.values(TABS)) tab.init(about);
  for (const tab of tabs) tab.addEventListener('keydown', onTabKey);
  window.addEventListener('hashchange', show);
  // A file that misses its place must not replace the page.
  for (const kind of ['dragover', 'drop']) document.addEventListener(kind, event => event.preventDefault());
  show();
}

start().catch(error => warn(error.message));
