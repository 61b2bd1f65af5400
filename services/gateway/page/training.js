// The tab Training: progress tiles, curves of the compared runs, measures and samples.

import { get } from './api.js';
import { COLOURS, colourName, drawCharts, evaluationFamilies, trainingFamilies } from './charts.js';
import { at, h, keyed, setText } from './dom.js';
import { duration, integer, number, percent, plural, readable, stageTitle } from './format.js';
import { Journal } from './journal.js';
import * as networks from './networks.js';
import * as samples from './samples.js';
import { Poll } from './tasks.js';

const STAGES = ['classifier', 'stage1', 'stage2', 'stage3'];

const SPOKEN_STEPS = 10;   // announcements of a stage's progress to screen readers

let charts;                // of /system: which numbers share a chart
const runs = new Map();    // the shown runs: name -> {name, colour, training, evaluations}
let stage = null;          // that is shown: the one that is trained, until the user chooses one
let isStageChosen = false;
let listed = 0;            // number of runs in the latest list

const poll = new Poll(follow);

export function init(about) {
  charts = about.charts;
  at('stages').append(...STAGES.map(name => h('label', {},
    h('input', { type: 'radio', name: 'stage', value: name, change: () => showStage(name, true) }),
    h('span', {}, stageTitle(name)))));
  for (const id of ['log', 'smooth']) at(id).addEventListener('change', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  at('runs').addEventListener('keydown', ({ key }) => { if (key === 'Escape') at('runs').open = false; });
  document.addEventListener('click', ({ target }) => { if (!at('runs').contains(target)) at('runs').open = false; });
  networks.init();
  samples.init();
  showStage(STAGES[0]);
}

export const show = () => poll.start();
export const hide = () => poll.stop();

/** The two parts are fetched independently: if one fails, the other is still shown. */
async function follow() {
  const parts = [followStatus(), followRuns()];
  const failed = (await Promise.allSettled(parts)).find(({ reason }) => reason);
  if (failed) throw failed.reason;
}

async function followStatus() {
  const trained = drawTiles((await get('/status')).services);
  if (trained && !isStageChosen && trained !== stage) showStage(trained);
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
  await samples.follow([...runs.keys()][0]); // of the first run, by default the served one
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

function showStage(name, byUser = false) {
  isStageChosen ||= byUser;
  stage = name;
  at('stages').querySelector(`[value=${CSS.escape(name)}]`).checked = true;
  samples.showStage(name);
  draw();
}

/* Curves and measures. */

/** The runs for drawCharts, with the series of the stage from one of their journals. */
const seriesOf = journal => [...runs.values()].map(run => ({ ...run, series: run[journal].series(stage) }));

const namesIn = list => new Set(list.flatMap(({ series }) => [...series.keys()]));

function draw() {
  const training = seriesOf('training'), log = at('log').checked, smooth = at('smooth').checked;
  drawCharts(at('curves'), trainingFamilies(charts, namesIn(training)), training,
    { log: family => log && !family.rate, smooth: family => smooth && !family.rate });
  keyed(at('legend'), runs.size > 1 ? training : [], ({ name }) => name, makeLegend);
  drawMeasures(seriesOf('evaluations'));
}

function makeLegend({ name, colour }) {
  const swatch = h('i', { className: 'swatch' });
  swatch.style.background = `var(${colour})`;
  return h('li', {}, swatch, h('bdi', {}, name));
}

/** Measures with more than one value are curves. The table has the latest value of each, one column per run. */
function drawMeasures(measured) {
  const families = evaluationFamilies(charts, namesIn(measured));
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

/** How the measures were made. */
const protocol = ({ extractor, images, split, img_size }) =>
  `Measured on ${plural(images, `${split} image`)} at ${img_size} px, seen by ${extractor}.`;

/* The tiles: what the system does now. */

/** services as in /status; their fields are texts. Returns the stage that is trained or was trained last, or null. */
function drawTiles(services) {
  const fieldsOf = name => services.find(({ service }) => service === name)?.fields;
  drawSet(fieldsOf('retrieval'));
  const trainer = fieldsOf('trainer');
  if (!trainer) {
    setText(at('now-stage'), 'The trainer does not answer');
    return null;
  }
  drawProgress(trainer);
  drawThroughput(trainer);
  drawNeighbours(trainer);
  return trainer.stage;
}

function drawProgress({ state, stage, iteration = 0, iterations = 0, eta_s = 0 }) {
  const done = Number(iteration), all = Number(iterations), idle = state === 'idle';
  const title = stage ? `${stageTitle(stage)}: ${idle && done >= all ? 'done' : state}` : 'nothing is being trained';
  setText(at('now-stage'), title[0].toUpperCase() + title.slice(1));
  at('now-progress').max = all || 1;
  at('now-progress').value = done;
  setText(at('now-iterations'), all ? `${integer(done)} of ${plural(all, 'iteration')}` : 'rg-ctl train');
  setText(at('now-left'), idle || !Number(eta_s) ? '' : `${duration(Number(eta_s))} left`);
  const step = Math.floor(SPOKEN_STEPS * done / all) / SPOKEN_STEPS;
  setText(at('now-spoken'), all && !idle ? `${stageTitle(stage)}, ${percent(step)}` : title);
}

function drawThroughput({ images_per_s, wait_share }) {
  setText(at('now-rate'), images_per_s ? integer(images_per_s) : '–');
  setText(at('now-waiting'), wait_share ? `${percent(wait_share)} of the time waiting` : '');
}

/** The share of images added since the start among the retrieved neighbours. */
function drawNeighbours({ retrieved = 0, retrieved_new = 0 }) {
  const some = Number(retrieved) > 0;
  setText(at('now-new'), some ? percent(retrieved_new / retrieved) : '–');
  setText(at('now-retrieved'), some
    ? `${integer(retrieved_new)} of ${integer(retrieved)} came from images added since the start` : 'stage 3 uses neighbours');
}

function drawSet(retrieval) {
  setText(at('now-images'), retrieval ? integer(retrieval.images) : '–');
  setText(at('now-generation'), retrieval ? describeSet(retrieval) : 'does not answer');
}

/** A flat index is never built, so it has no count. Images that another index lacks are searched exactly. */
function describeSet({ generation, indexed }) {
  const index = Number(indexed) ? `, ${integer(indexed)} in the index` : '';
  return `images, generation ${integer(generation)}${index}`;
}
