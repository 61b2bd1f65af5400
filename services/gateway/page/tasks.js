// Work in the background: Poll repeats a task, Queue runs many tasks, a few at a time.

const PERIOD_MS = 2000;

/** Repeats `work` every two seconds, but not while the page is hidden. */
export class Poll {
  #work;
  #timer;
  #on = false;
  #busy = false;

  constructor(work) {
    this.#work = work;
    document.addEventListener('visibilitychange', () => this.now());
  }

  start() {
    this.#on = true;
    this.now();
  }

  stop() {
    this.#on = false;
    clearTimeout(this.#timer);
  }

  /** Runs the work at once, unless it is running already. */
  async now() {
    clearTimeout(this.#timer);
    if (!this.#on || this.#busy || document.hidden) return;
    this.#busy = true;
    try {
      await this.#work();
    } catch (error) {
      if (error.status === undefined) throw error; // errors of requests have a status: the next round tries again
    } finally {
      this.#busy = false;
      if (this.#on && !document.hidden) this.#timer = setTimeout(() => this.now(), PERIOD_MS);
    }
  }
}

/** Calls `work` for each added item, in order, at most `width` at a time. */
export class Queue {
  #width;
  #work;
  #items = [];
  #next = 0;
  #paused = false;
  open = 0;

  constructor(width, work) {
    this.#width = width;
    this.#work = work;
  }

  get waiting() { return this.#items.length - this.#next; }

  add(...items) {
    for (const item of items) this.#items.push(item);
    this.#pump();
  }

  pause() { this.#paused = true; }

  resume() {
    this.#paused = false;
    this.#pump();
  }

  clear() {
    this.#items = [];
    this.#next = 0;
  }

  #pump() {
    while (!this.#paused && this.open < this.#width && this.waiting) this.#take(this.#items[this.#next++]);
  }

  async #take(item) {
    this.open++;
    try {
      await this.#work(item);
    } finally {
      this.open--;
      this.#pump();
    }
  }
}
