// The pictures that training and evaluation leave: a slider through a stage's time, the latest by default, and a closer look.

import { get, url } from './api.js';
import { at, h, keyed, setText } from './dom.js';
import { integer, readable, stageTitle } from './format.js';
import { view } from './viewer.js';

let samples = [];
let stage = null, run;
let position = null; // of the slider; null: at the latest, wherever that is
let evaluation = null; // the name of an evaluation's picture that is shown instead
let wanted = ''; // the address of the picture that is shown or on its way

export function init() {
  at('sample-time').addEventListener('input', ({ target }) => moveTo(Number(target.value)));
  at('sample-zoom').addEventListener('click', () => view(() => look(), step));
}

/** Looks which there are; run as in /samples. */
export async function follow(ofRun) {
  run = ofRun;
  samples = (await get('/samples', { run })).samples;
  draw();
}

export function showStage(name) {
  if (name !== stage) position = evaluation = null;
  stage = name;
  draw();
}

const inTime = () => samples.filter(sample => sample.stage === stage && sample.iteration !== null);
const measured = () => samples.filter(sample => sample.stage === stage && sample.iteration === null);

function moveTo(i) {
  position = i >= inTime().length - 1 ? null : i;
  evaluation = null;
  draw();
}

/** One to the left or right, as far as there are any. */
function step(by) {
  const last = inTime().length - 1;
  moveTo(Math.min(last, Math.max(0, (position ?? last) + by)));
}

function shown() {
  const moments = inTime(), pictures = measured();
  return pictures.find(({ name }) => name === evaluation) ?? moments[position ?? moments.length - 1] ?? pictures[0] ?? null;
}

/** What a viewer shows of it. */
function look() {
  const sample = shown();
  return sample && { url: where(sample), name: `${stageTitle(sample.stage)}, ${title(sample)}` };
}

const where = ({ name, modified_ms }) => url(`/samples/${encodeURIComponent(name)}`, { run, at: modified_ms });

/** eval-stage3-Blond_Hair.png is "Blond Hair". */
function title({ name, iteration, stage: of }) {
  if (iteration !== null) return `iteration ${integer(iteration)}`;
  const part = name.replace(/\.png$/, '').split(`${of}-`)[1];
  return part ? readable(part) : 'evaluation';
}

function draw() {
  const moments = inTime(), pictures = measured(), sample = shown(), slider = at('sample-time');
  at('no-samples').hidden = sample !== null;
  at('sample-zoom').hidden = sample === null;
  slider.hidden = moments.length < 2;
  slider.max = Math.max(0, moments.length - 1);
  slider.value = position ?? slider.max;
  setText(at('sample-name'), sample ? title(sample) : '');
  slider.setAttribute('aria-valuetext', sample ? title(sample) : '');
  at('sample-evaluations').hidden = pictures.length === 0;
  keyed(at('sample-evaluations'), pictures, ({ name }) => name, makeChip, (chip, { name }) =>
    chip.setAttribute('aria-pressed', name === sample.name));
  if (sample) load(sample);
}

const makeChip = picture => h('button', { type: 'button', click: () => {
  evaluation = picture.name;
  draw();
} }, title(picture));

/** The picture is changed when the new one is there, so that nothing jumps. */
async function load(sample) {
  const next = new Image();
  next.src = where(sample);
  if (next.src === wanted) return;
  wanted = next.src;
  await next.decode().catch(() => {});
  if (next.src !== wanted) return;
  at('sample-picture').src = next.src;
  at('sample-picture').alt = `Samples of ${stageTitle(sample.stage)}, ${title(sample)}`;
}
