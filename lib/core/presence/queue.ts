/** Runs work that nobody waits for, so much of it at the same time. */
export class Queue {
  readonly #most: number;
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @param work must not reject */
  add(work: () => Promise<void>): void {
    this.#waiting.push(work);
    this.#next();
  }

  #next(): void {
    if (this.#running >= this.#most) return;
    const work = this.#waiting.shift();
    if (!work) return;
    this.#running++;
    void work().then(() => {
      this.#running--;
      this.#next();
    });
  }
}
