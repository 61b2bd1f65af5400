// Training as it goes on: what is being done now, the curves of the runs that are compared, what was measured, and the samples.

import { get } from './api.js';
import { COLOURS, colourName, drawCharts } from './charts.js';
import { at, h, keyed, setText } from './dom.js';
import { isLoss, measureFamilies, trainingFamilies } from './families.js';
import { duration, integer, number, percent, plural, readable, stageTitle } from './format.js';
import { Journal } from './journal.js';
import { Poll } from './poll.js';
import * as samples from './samples.js';

const STAGES = ['classifier', 'stage1', 'stage2', 'stage3'];
const SPOKEN_STEPS = 10; // of a stage's progress, for whoever listens

const runs = new Map(); // name -> {name, colour, training, evaluations}, those that are shown
let served = null;      // the run that is being trained, by its name
let stage = null, chosen = false; // a stage that nobody chose is the one that is trained
let listed = 0; // how many runs there were

const poll = new Poll(look);

export function init() {
  at('stages').append(...STAGES.map(name => h('label', {},
    h('input', { type: 'radio', name: 'stage', value: name, change: () => showStage(name, true) }), h('span', {}, stageTitle(name)))));
  for (const id of ['log', 'smooth']) at(id).addEventListener('change', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  at('runs').addEventListener('keydown', ({ key }) => { if (key === 'Escape') at('runs').open = false; });
  document.addEventListener('click', ({ target }) => { if (!at('runs').contains(target)) at('runs').open = false; });
  samples.init();
  showStage(STAGES[0]);
}

export const show = () => poll.start();
export const hide = () => poll.stop();

/** Each part is asked for by itself: one that cannot be had now does not keep the others from being shown. */
async function look() {
  const parts = [followStatus(), followRuns(), samples.follow()];
  const failed = (await Promise.allSettled(parts)).find(({ reason }) => reason);
  if (failed) throw failed.reason;
}

/* What is being done now. */

async function followStatus() {
  const { services } = await get('/status');
  const fieldsOf = name => services.find(({ service }) => service === name)?.fields ?? null;
  drawNow(fieldsOf('trainer'));
  drawSet(fieldsOf('retrieval'));
}

function drawNow(trainer) {
  if (!trainer) {
    setText(at('now-stage'), 'The trainer does not answer');
    return;
  }
  const { state, images_per_s, wait_share, retrieved = 0, retrieved_new = 0 } = trainer;
  const iteration = Number(trainer.iteration ?? 0), iterations = Number(trainer.iterations ?? 0);
  const finished = state === 'idle' && iteration >= iterations;
  const title = trainer.stage ? `${stageTitle(trainer.stage)}: ${finished ? 'done' : state}` : 'nothing is being trained';
  setText(at('now-stage'), title[0].toUpperCase() + title.slice(1));
  at('now-progress').max = iterations || 1;
  at('now-progress').value = iteration;
  setText(at('now-iterations'), iterations ? `${integer(iteration)} of ${plural(iterations, 'iteration')}` : 'rg-ctl train');
  setText(at('now-left'), state === 'idle' || !Number(trainer.eta_s) ? '' : `${duration(Number(trainer.eta_s))} left`);
  setText(at('now-rate'), images_per_s ? integer(images_per_s) : '–');
  setText(at('now-waiting'), wait_share ? `${percent(wait_share)} of the time waiting for data` : '');
  setText(at('now-new'), Number(retrieved) ? percent(retrieved_new / retrieved) : '–');
  setText(at('now-retrieved'), Number(retrieved)
    ? `${integer(retrieved_new)} of ${integer(retrieved)} came from images added since the start` : 'stage 3 uses neighbours');
  const tenth = Math.floor(SPOKEN_STEPS * iteration / iterations) / SPOKEN_STEPS;
  setText(at('now-spoken'), iterations && state !== 'idle' ? `${stageTitle(trainer.stage)}, ${percent(tenth)}` : title);
  if (trainer.stage && !chosen && trainer.stage !== stage) showStage(trainer.stage);
}

function drawSet(retrieval) {
  setText(at('now-images'), retrieval ? integer(retrieval.images) : '–');
  setText(at('now-generation'), retrieval ? `images, generation ${integer(retrieval.generation)}${indexNote(retrieval)}` : 'does not answer');
}

/** A flat index has nothing to build; of others, what they do not have yet is searched exactly. */
const indexNote = ({ indexed }) => (Number(indexed) ? `, ${integer(indexed)} in the index` : '');

/* Which runs, which stage. */

async function followRuns() {
  const list = (await get('/runs')).runs;
  served = list.find(run => run.served)?.name ?? null;
  if (runs.size === 0 && served) choose(served, true);
  drawRunList(list);
  const grew = await Promise.all([...runs.values()].flatMap(run => [run.training.follow(), run.evaluations.follow()]));
  at('nothing-trained').hidden = list.length > 0 && [...runs.values()].some(run => run.training.stages.length);
  if (grew.some(Boolean) || listed !== list.length) draw();
  listed = list.length;
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
  head.replaceChildren(h('tr', {}, h('th', {}, 'latest'), ...measured.map(({ name }) => h('th', { className: 'number' }, h('bdi', {}, name)))));
  body.replaceChildren(
    h('tr', {}, h('th', { scope: 'row' }, 'at iteration'),
      ...measured.map(({ evaluations }) => cell(integer(evaluations.latest.get(stage).iteration)))),
    ...families.flatMap(({ keys }) => keys).map(key => h('tr', {}, h('th', { scope: 'row' }, readable(key)),
      ...measured.map(({ series }) => cell(series.has(key) ? number(series.get(key).at(-1).y) : '–')))));
}

/** A number is worth what its measurement is. */
const protocol = ({ extractor, images, split, img_size }) =>
  `Measured on ${plural(images, `${split} image`)} at ${img_size} px, seen by ${extractor}.`;
