// What the system is doing right now, in a row of tiles, out of what its services say of themselves. Their fields are texts.

import { at, setText } from './dom.js';
import { duration, integer, percent, plural, stageTitle } from './format.js';

const SPOKEN_STEPS = 10; // of a stage's progress, for whoever listens

/** services as in /status. The stage that is trained or was last, if any. */
export function draw(services) {
  const fieldsOf = name => services.find(({ service }) => service === name)?.fields;
  drawSet(fieldsOf('retrieval'));
  const trainer = fieldsOf('trainer');
  if (!trainer) {
    setText(at('now-stage'), 'The trainer does not answer');
    return null;
  }
  drawProgress(trainer);
  drawPace(trainer);
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

function drawPace({ images_per_s, wait_share }) {
  setText(at('now-rate'), images_per_s ? integer(images_per_s) : '–');
  setText(at('now-waiting'), wait_share ? `${percent(wait_share)} of the time waiting` : '');
}

/** How much the images that came since the start are used already. */
function drawNeighbours({ retrieved = 0, retrieved_new = 0 }) {
  const some = Number(retrieved) > 0;
  setText(at('now-new'), some ? percent(retrieved_new / retrieved) : '–');
  setText(at('now-retrieved'), some
    ? `${integer(retrieved_new)} of ${integer(retrieved)} came from images added since the start` : 'stage 3 uses neighbours');
}

function drawSet(retrieval) {
  setText(at('now-images'), retrieval ? integer(retrieval.images) : '–');
  setText(at('now-generation'), retrieval ? describe(retrieval) : 'does not answer');
}

/** A flat index has nothing to build; of others, what they do not have yet is searched exactly. */
function describe({ generation, indexed }) {
  const index = Number(indexed) ? `, ${integer(indexed)} in the index` : '';
  return `images, generation ${integer(generation)}${index}`;
}
