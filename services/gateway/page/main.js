// The frame of the page: tabs and banner. Every tab is a module with `init`, called once with the answer of /system,
// `show(parameters)`, and `hide` if it has work in the background.

import { connection, get, persist, system, takeTokenFromAddress } from './api.js';
import { at, setText } from './dom.js';
import { route } from './route.js';
import { Poll } from './tasks.js';
import * as add from './add.js';
import * as search from './search.js';
import * as status from './status.js';
import * as training from './training.js';
import * as translate from './translate.js';

const TABS = { training, search, translate, add, status };
const SMALL_PX = 64; // images up to this size are enlarged without smoothing

const tabs = [...document.querySelectorAll('[role=tab]')];
let shown = null;

function show() {
  const [asked, params] = route();
  const name = asked in TABS ? asked : 'training';
  if (shown && shown !== name) TABS[shown].hide?.();
  for (const tab of tabs) mark(tab, tab.id === `tab-${name}`);
  at(`tab-${name}`).href = location.hash || `#${name}`; // returning to the tab restores its state
  shown = name;
  TABS[name].show(params);
}

function mark(tab, selected) {
  tab.setAttribute('aria-selected', selected);
  tab.tabIndex = selected ? 0 : -1;
  at(tab.getAttribute('aria-controls')).hidden = !selected;
  if (selected) document.title = `${tab.textContent} – RG-UNIT`;
}

/** The tab pattern of ARIA: arrows, Home and End move between tabs. */
function onTabKey(event) {
  const i = tabs.indexOf(event.target), last = tabs.length - 1;
  const next = { ArrowLeft: i ? i - 1 : last, ArrowRight: i < last ? i + 1 : 0, Home: 0, End: last }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  tabs[next].focus();
  location.hash = tabs[next].hash;
}

/** While the gateway does not answer, a probe repeats until it does, whatever tab is open. */
function watchConnection() {
  const probe = new Poll(() => get('/system'));
  connection.addEventListener('lost', () => {
    warn('The gateway does not answer. Trying again every two seconds. The page shows the last known state.');
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
  // Dropping a file beside the drop area must not replace the page.
  for (const kind of ['dragover', 'drop']) document.addEventListener(kind, event => event.preventDefault());
  show();
}

start().catch(error => warn(error.message));
