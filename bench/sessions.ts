import { readFileSync } from 'node:fs';
import type { Visitor } from './exchange.js';
import { subjectOf } from './profiles.js';

const NEWLINE = 10;

/** Sessions that a server made beforehand: as many as there are, so their cookies stay one buffer. */
export class Sessions {
  readonly #cookies: Buffer;
  readonly #starts: Uint32Array;
  /** Those before `#drawn` had their turn. */
  readonly #order: Uint32Array;
  #drawn = 0;

  /** @param file with a Cookie header in each line, those of the first user first */
  constructor(file: string, count: number) {
    this.#cookies = readFileSync(file);
    this.#starts = new Uint32Array(count + 1);
    for (let i = 0; i < count; i++) {
      const end = this.#cookies.indexOf(NEWLINE, this.#starts[i]);
      if (end === -1) throw new Error(`${i} sessions were made instead of ${count}`);
      this.#starts[i + 1] = end + 1;
    }
    this.#order = Uint32Array.from({ length: count }, (_, i) => i);
  }

  /** Any of those that had no turn yet, each as likely; after the last one all of them begin anew. */
  readonly draw = (): Visitor => {
    const order = this.#order;
    const at = this.#drawn + Math.floor(Math.random() * (order.length - this.#drawn));
    const drawn = order[at]!;
    order[at] = order[this.#drawn]!;
    order[this.#drawn] = drawn;
    this.#drawn = (this.#drawn + 1) % order.length;
    return this.#visitor(drawn);
  };

  #visitor(i: number): Visitor {
    const cookie = this.#cookies.toString('latin1', this.#starts[i], this.#starts[i + 1]! - 1);
    return { cookie, body: JSON.stringify({ subject: subjectOf(i), locale: 'de' }) };
  }
}
