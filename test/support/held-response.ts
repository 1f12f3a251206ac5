import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { hookResponse, type ResponseListener } from '../../lib/http/response/response-hook.js';
import { unsentResponse } from './unsent-response.js';

export interface HeldSetting {
  onHead?: ResponseListener['onHead'];
  /** Code that patched the response before the hook. */
  before?: (response: ServerResponse) => void;
}

/** A hooked response of Node that is held until it is told to go on, and what it would have sent to a client. */
export class HeldInMemory {
  readonly response = unsentResponse();
  /** The errors that the listener received. */
  readonly answered: unknown[] = [];
  readonly lost: unknown[] = [];
  sent = '';
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor({ onHead = () => undefined, before = () => undefined }: HeldSetting = {}) {
    this.response.sendDate = false;
    this.response.assignSocket(this.#socket());
    before(this.response);
    hookResponse(this.response, {
      beforeHead: () =>
        new Promise<void>((resolve, reject) => {
          this.#resolve = resolve;
          this.#reject = reject;
        }),
      onHead,
      answerFailure: (error) => (this.answered.push(error), { status: 503, body: '{"failed":true}' }),
      onLost: (error) => void this.lost.push(error),
    });
  }

  /** The status line, without the protocol. */
  get status(): string {
    return /^HTTP\/1\.1 (.*)\r\n/.exec(this.sent)?.[1] ?? 'nothing';
  }

  async release(): Promise<void> {
    this.#resolve();
    await settled();
  }

  async fail(error: unknown): Promise<void> {
    this.#reject(error);
    await settled();
  }

  #socket(): Socket {
    return new Duplex({
      read: () => undefined,
      write: (chunk, _encoding, done) => {
        this.sent += String(chunk);
        done();
      },
    }) as Socket;
  }
}

/** Lets everything happen that is due. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await turn();
}
