// A journal of a run: fetched in parts as it grows, and kept as one series of points per stage and name.

import { get } from './api.js';

export class Journal {
  #path;
  #run;
  #from = 0;
  #stages = new Map(); // stage -> name -> [{x: iteration, y: value}, ...], iterations ascending
  latest = new Map();  // stage -> its last line

  /** path: /training or /evaluations */
  constructor(path, run) {
    this.#path = path;
    this.#run = run;
  }

  get stages() { return [...this.#stages.keys()]; }

  /** A map from a name to its points; empty if the journal does not have the stage. */
  series(stage) { return this.#stages.get(stage) ?? new Map(); }

  /** Fetches the new lines; true if there are any. */
  async follow() {
    let grew = false;
    for (let more = true; more;) {
      const answer = await get(this.#path, { run: this.#run, from: this.#from });
      if (answer.restarted) this.#forget();
      for (const line of answer.lines) this.#take(line);
      grew ||= answer.restarted === true || answer.lines.length > 0;
      more = answer.more && answer.next !== this.#from; // stops if the offset does not move
      this.#from = answer.next;
    }
    return grew;
  }

  #forget() {
    this.#stages.clear();
    this.latest.clear();
  }

  #take(line) {
    const { stage, iteration, ...values } = line;
    if (!this.#stages.has(stage)) this.#stages.set(stage, new Map());
    const series = this.#stages.get(stage);
    if (iteration <= this.latest.get(stage)?.iteration) rewind(series, iteration);
    this.latest.set(stage, line);
    for (const [name, y] of Object.entries(values)) {
      if (typeof y !== 'number') continue;
      if (!series.has(name)) series.set(name, []);
      series.get(name).push({ x: iteration, y });
    }
  }
}

/** Training resumed from a checkpoint or began again: removes the points that it repeats. */
function rewind(series, iteration) {
  for (const points of series.values()) {
    while (points.length && points.at(-1).x >= iteration) points.pop();
  }
}
