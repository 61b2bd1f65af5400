// Looking again and again, but only while somebody looks: nothing is asked for while the page is hidden.

const PERIOD_MS = 2000;

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

  /** Looks at once, unless it is looking already. */
  async now() {
    clearTimeout(this.#timer);
    if (!this.#on || this.#busy || document.hidden) return;
    this.#busy = true;
    try {
      await this.#work();
    } catch (error) {
      if (error.status === undefined) throw error; // what the gateway cannot answer now is asked again
    } finally {
      this.#busy = false;
      if (this.#on && !document.hidden) this.#timer = setTimeout(() => this.now(), PERIOD_MS);
    }
  }
}
