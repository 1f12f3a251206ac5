import type { Fault } from './settings.js';

/** The token of {@link Faults} in Nest's container. */
export const FAULT = Symbol('fault');

/** One request of so many. */
const ONE_IN = 8;

/** Microseconds of a processor. */
const BLOCK = 600_000;

/** An application that has one fault on purpose, or none. */
export class Faults {
  readonly #fault: Fault | undefined;
  readonly #leak: number[][] = [];
  #requests = 0;
  #lastName: string | undefined;

  constructor(fault: Fault | undefined) {
    this.#fault = fault;
  }

  is(fault: Fault): boolean {
    return this.#fault === fault;
  }

  hits(fault: Fault): boolean {
    return this.is(fault) && ++this.#requests % ONE_IN === 0;
  }

  /** Whose page it is; with the fault now and then that of the last request. */
  nameFor(name: string | undefined): string | undefined {
    const shown = this.hits('identity') ? this.#lastName : name;
    this.#lastName = name;
    return shown;
  }

  leakOrBlock(): void {
    if (this.is('leak')) this.#leak.push(new Array<number>(64_000).fill(Math.random()));
    if (this.hits('rejection')) void Promise.reject(new Error('a rejection that nobody handles'));
    if (this.hits('block')) for (const began = process.cpuUsage(); process.cpuUsage(began).user < BLOCK;);
  }
}
