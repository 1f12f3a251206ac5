import type { ServerResponse } from 'node:http';
import type { OriginalResponse } from './original-response.js';
import { headSent } from './response-calls.js';

type Method = 'on' | 'once';
type Listener = (...args: unknown[]) => unknown;

/** The properties that differ while a response is held. */
const PRETENDED = [
  'headersSent',
  'writableEnded',
  'setHeader',
  'setHeaders',
  'appendHeader',
  'removeHeader',
  'on',
  'once',
] as const;

/**
 * Makes a held response look sent, so that no other code starts a second one. The head is not written yet,
 * because a failure may still replace it.
 */
export class ResponseFacade {
  readonly #original: OriginalResponse;
  readonly #response: ServerResponse;
  readonly #own: [string, PropertyDescriptor | undefined][];
  readonly #waiting: { method: Method; listener: Listener }[] = [];

  /** @param hasEnded whether the application has called `end` */
  constructor(original: OriginalResponse, hasEnded: () => boolean) {
    const { response } = original;
    this.#original = original;
    this.#response = response;
    this.#own = PRETENDED.map((name) => [name, Object.getOwnPropertyDescriptor(response, name)]);
    Object.defineProperties(response, {
      headersSent: { configurable: true, get: () => true },
      writableEnded: { configurable: true, get: hasEnded },
      setHeader: this.#tooLate('set'),
      setHeaders: this.#tooLate('set'),
      appendHeader: this.#tooLate('append'),
      removeHeader: this.#tooLate('remove'),
      on: this.#listen('on'),
      once: this.#listen('once'),
    });
  }

  end(): void {
    const response = this.#response as unknown as Record<string, unknown>;
    for (const [name, own] of this.#own) {
      if (own) Object.defineProperty(response, name, own);
      else delete response[name];
    }
  }

  /**
   * Resumes streams that wait because a held `write` returned false.
   *
   * @throws the error of a listener
   */
  emitDrain(): void {
    this.#response.emit('drain');
    for (const { method, listener } of this.#waiting) {
      if (method === 'on') this.#original.on.call(this.#response, 'drain', listener);
      listener.call(this.#response);
    }
  }

  /** Collects "drain" listeners: compression would add them to its own stream, which has not received the data yet. */
  #listen(method: Method): PropertyDescriptor {
    const value = (type: string | symbol, listener: Listener): ServerResponse => {
      if (type === 'drain') this.#waiting.push({ method, listener });
      else this.#original[method].call(this.#response, type, listener);
      return this.#response;
    };
    return { configurable: true, writable: true, value };
  }

  #tooLate(verb: 'set' | 'append' | 'remove'): PropertyDescriptor {
    const value = (): never => {
      throw headSent(this.#response, verb);
    };
    return { configurable: true, value };
  }
}
