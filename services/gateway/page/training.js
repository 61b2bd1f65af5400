// Training as it goes on: what is being done now, the curves of the runs that are compared, what was measured, and the samples.

import { get } from './api.js';
import { COLOURS, colourName, drawCharts } from './charts.js';
import { at, h, keyed, setText } from './dom.js';
import { isLoss, measureFamilies, trainingFamilies } from './families.js';
import { integer, number, plural, readable, stageTitle } from './format.js';
import { Journal } from './journal.js';
import * as now from './now.js';
import { Poll } from './poll.js';
import * as samples from './samples.js';

const STAGES = ['classifier', 'stage1', 'stage2', 'stage3'];

const runs = new Map(); // name -> {name, colour, training, evaluations}, those that are shown
let stage = null, chosen = false; // a stage that nobody chose is the one that is trained
let listed = 0; // how many runs there were

const poll = new Poll(look);

export function init() {
  at('stages').append(...STAGES.map(name => h('label', {},
    h('input', { type: 'radio', name: 'stage', value: name, change: () => showStage(name, true) }),
    h('span', {}, stageTitle(name)))));
  for (const id of ['log', 'smooth']) at(id).addEventListener('change', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  at('runs').addEventListener('keydown', ({ key }) => { if (key === 'Escape') at('runs').open = false; });
  document.addEventListener('click', ({ target }) => { if (!at('runs').contains(target)) at('runs').open = false; });
  samples.init();
  showStage(STAGES[0]);
}

export const show = () => poll.start();
export const hide = () => poll.stop();

/** Each part is asked for by itself: one that cannot be had now does not keep the other from being shown. */
async function look() {
  const parts = [followStatus(), followRuns()];
  const failed = (await Promise.allSettled(parts)).find(({ reason }) => reason);
  if (failed) throw failed.reason;
}

async function followStatus() {
  const trained = now.draw((await get('/status')).services);
  if (trained && !chosen && trained !== stage) showStage(trained);
}

/* Which runs, which stage. */

async function followRuns() {
  const list = (await get('/runs')).runs;
  const served = list.find(run => run.served);
  if (runs.size === 0 && served) choose(served.name, true);
  drawRunList(list);
  const grew = await Promise.all([...runs.values()].flatMap(run => [run.training.follow(), run.evaluations.follow()]));
  at('nothing-trained').hidden = list.length > 0 && [...runs.values()].some(run => run.training.stages.length);
  if (grew.some(Boolean) || listed !== list.length) draw();
  listed = list.length;
  await samples.follow([...runs.keys()][0]); // of the first, by default the one that is served
}

function choose(name, on) {
  if (!on) return runs.delete(name);
  const taken = new Set([...runs.values()].map(run => run.colour));
  const free = Array.from({ length: COLOURS }, (_, i) => colourName(i)).find(colour => !taken.has(colour));
  runs.set(name, { name, colour: free ?? colourName(runs.size),
    training: new Journal('/training', name), evaluations: new Journal('/evaluations', name) });
}

function drawRunList(list) {
  at('runs').hidden = list.length < 2;
  keyed(at('runs').querySelector('ul'), list, ({ name }) => name, makeRunChoice, (item, { name }) => {
    item.querySelector('input').checked = runs.has(name);
  });
}

const makeRunChoice = ({ name }) => h('li', {}, h('label', { className: 'check' },
  h('input', { type: 'checkbox', change: ({ target }) => {
    choose(name, target.checked);
    draw();
    poll.now();
  } }), h('bdi', {}, name)));

function showStage(name, byHand = false) {
  chosen ||= byHand;
  stage = name;
  at('stages').querySelector(`[value=${CSS.escape(name)}]`).checked = true;
  samples.showStage(name);
  draw();
}

/* Curves and measures. */

/** The runs as charts want them, with the series that one of their journals has of the stage. */
const seriesOf = journal => [...runs.values()].map(run => ({ ...run, series: run[journal].series(stage) }));

const namesIn = list => new Set(list.flatMap(({ series }) => [...series.keys()]));

function draw() {
  const training = seriesOf('training'), log = at('log').checked, smooth = at('smooth').checked;
  drawCharts(at('curves'), trainingFamilies(namesIn(training)), training,
    { log: family => log && isLoss(family), smooth: family => smooth && isLoss(family) });
  keyed(at('legend'), runs.size > 1 ? training : [], ({ name }) => name, makeLegend);
  drawMeasures(seriesOf('evaluations'));
}

function makeLegend({ name, colour }) {
  const swatch = h('i', { className: 'swatch' });
  swatch.style.background = `var(${colour})`;
  return h('li', {}, swatch, h('bdi', {}, name));
}

/** What was measured more than once is a curve; the table has the latest of everything, run by run. */
function drawMeasures(measured) {
  const families = measureFamilies(namesIn(measured));
  const some = measured.filter(({ series }) => series.size > 0);
  const grown = families.filter(({ keys }) => some.some(({ series }) => keys.some(key => series.get(key)?.length > 1)));
  at('measures').hidden = families.length === 0;
  drawCharts(at('measure-curves'), grown, some, { dots: true });
  drawTable(families, some);
  setText(at('protocol'), some.length ? protocol(some[0].evaluations.latest.get(stage)) : '');
}

function drawTable(families, measured) {
  const [head, body] = at('measures').querySelectorAll('thead, tbody');
  const cell = text => h('td', { className: 'number' }, text);
  const title = ({ name }) => h('th', { className: 'number' }, h('bdi', {}, name));
  head.replaceChildren(h('tr', {}, h('th', {}, 'latest'), ...measured.map(title)));
  body.replaceChildren(
    h('tr', {}, h('th', { scope: 'row' }, 'at iteration'),
      ...measured.map(({ evaluations }) => cell(integer(evaluations.latest.get(stage).iteration)))),
    ...families.flatMap(({ keys }) => keys).map(key => h('tr', {}, h('th', { scope: 'row' }, readable(key)),
      ...measured.map(({ series }) => cell(series.has(key) ? number(series.get(key).at(-1).y) : '–')))));
}

/** A number is worth what its measurement is. */
const protocol = ({ extractor, images, split, img_size }) =>
  `Measured on ${plural(images, `${split} image`)} at ${img_size} px, seen by ${extractor}.`;
