// Sample pictures of training and evaluation: a slider over the iterations of a stage, and a viewer that enlarges a picture.

import { get, url } from './api.js';
import { at, h, keyed, setText } from './dom.js';
import { integer, readable, stageTitle } from './format.js';

const LARGEST = 8; // of the viewer's scale

let samples = [];
let stage = null, run;
let position = null; // of the slider; null: the latest picture, also when a newer one comes
let evaluation = null; // the name of the evaluation's picture that is shown; null: none
let wanted = ''; // the address of the picture that is shown or loading

export function init() {
  at('sample-time').addEventListener('input', ({ target }) => moveTo(Number(target.value)));
  at('sample-zoom').addEventListener('click', () => openViewer(current, step));
}

/** Fetches the list of the run's pictures. */
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

const trained = () => samples.filter(sample => sample.stage === stage && sample.iteration !== null);
const measured = () => samples.filter(sample => sample.stage === stage && sample.iteration === null);

function moveTo(i) {
  position = i >= trained().length - 1 ? null : i;
  evaluation = null;
  draw();
}

/** Moves by one picture to the left (-1) or right (+1). */
function step(by) {
  const last = trained().length - 1;
  moveTo(Math.min(last, Math.max(0, (position ?? last) + by)));
}

function shown() {
  const moments = trained(), pictures = measured();
  return pictures.find(({ name }) => name === evaluation) ?? moments[position ?? moments.length - 1] ?? pictures[0] ?? null;
}

/** The shown picture for the viewer: {url, name}. */
function current() {
  const sample = shown();
  return sample && { url: urlOf(sample), name: `${stageTitle(sample.stage)}, ${title(sample)}` };
}

const urlOf = ({ name, modified_ms }) => url(`/samples/${encodeURIComponent(name)}`, { run, at: modified_ms });

/** "iteration 400"; of eval-stage3-Blond_Hair.png "Blond Hair". */
function title({ name, iteration, stage: of }) {
  if (iteration !== null) return `iteration ${integer(iteration)}`;
  const part = name.replace(/\.png$/, '').split(`${of}-`)[1];
  return part ? readable(part) : 'evaluation';
}

function draw() {
  const moments = trained(), pictures = measured(), sample = shown(), slider = at('sample-time');
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

/** Replaces the picture when the new one has loaded, so the page does not jump. */
async function load(sample) {
  const next = new Image();
  next.src = urlOf(sample);
  if (next.src === wanted) return;
  wanted = next.src;
  await next.decode().catch(() => {});
  if (next.src !== wanted) return;
  at('sample-picture').src = next.src;
  at('sample-picture').alt = `Samples of ${stageTitle(sample.stage)}, ${title(sample)}`;
}

/* The viewer: arrow keys go through the iterations, plus and minus change the size. */

/** Opens the viewer. current() returns the picture as {url, name}; it is called again after step(-1) or step(+1). */
function openViewer(current, step) {
  const dialog = at('viewer'), image = dialog.querySelector('img');
  let scale = 0; // screen pixels per pixel of the picture; 0: not known before the first picture has loaded

  const draw = () => {
    const { url, name } = current();
    setText(at('viewer-name'), name);
    image.alt = name;
    image.src = url;
  };
  const size = () => { image.style.width = `${scale * image.naturalWidth}px`; };
  const fit = () => {
    const { clientWidth, clientHeight } = image.parentElement;
    scale ||= Math.max(0.25, Math.min(LARGEST, (clientWidth - 28) / image.naturalWidth, (clientHeight - 28) / image.naturalHeight));
    size();
  };
  const zoom = factor => {
    if (scale === 0) return; // no picture yet
    scale = Math.min(LARGEST, Math.max(0.25, factor * scale));
    size();
  };
  const move = by => {
    step(by);
    draw();
  };
  const actions = {
    earlier: () => move(-1), later: () => move(1),
    larger: () => zoom(1.5), smaller: () => zoom(1 / 1.5),
    close: () => dialog.close(),
  };
  const keys = { ArrowLeft: 'earlier', ArrowRight: 'later', '+': 'larger', '=': 'larger', '-': 'smaller' };

  image.onload = fit;
  dialog.onclick = ({ target }) => actions[target.dataset.do]?.();
  dialog.onkeydown = event => {
    if (!keys[event.key]) return;
    event.preventDefault();
    actions[keys[event.key]]();
  };
  draw();
  dialog.showModal();
}
