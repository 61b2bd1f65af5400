// Work on what is added, in order, at most `width` at a time.

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
