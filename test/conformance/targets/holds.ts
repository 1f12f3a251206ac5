import { gate, type Gate } from '../../support/gate.js';

/** The gates at which handlers of one application wait: each handler at the newest. */
export class Holds {
  #current: Gate | undefined;

  hold(): Gate {
    return (this.#current = gate());
  }

  async pass(): Promise<void> {
    await this.#current?.pass();
  }
}
