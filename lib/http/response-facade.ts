import type { ServerResponse } from 'node:http';
import { headSent } from './response-calls.js';

type Method = 'on' | 'once';
type Listener = (...args: unknown[]) => unknown;
type Listening = Record<Method, (type: string | symbol, listener: Listener) => unknown>;

/** What is another while an answer is held. */
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
 * To everybody else an answer that is held has left, so that nobody starts a second one. The head itself is
 * not written yet, for a failure may still have to take its place.
 */
export class ResponseFacade {
  readonly #response: ServerResponse;
  readonly #before: Listening;
  readonly #own: [string, PropertyDescriptor | undefined][];
  readonly #waiting: { method: Method; listener: Listener }[] = [];

  /**
   * @param before the methods by which others listen to the response
   * @param hasEnded whether the application has called `end`
   */
  constructor(response: ServerResponse, before: Listening, hasEnded: () => boolean) {
    this.#response = response;
    this.#before = before;
    this.#own = PRETENDED.map((name) => [name, Object.getOwnPropertyDescriptor(response, name)]);
    Object.defineProperties(response, {
      headersSent: { configurable: true, get: () => true },
      writableEnded: { configurable: true, get: hasEnded },
      setHeader: this.#tooLate('set'),
      setHeaders: this.#tooLate('set'),
      appendHeader: this.#tooLate('append'),
      removeHeader: this.#tooLate('remove'),
      on: this.#await('on'),
      once: this.#await('once'),
    });
  }

  end(): void {
    const response = this.#response as unknown as Record<string, unknown>;
    for (const [name, own] of this.#own) {
      if (own) Object.defineProperty(response, name, own);
      else delete response[name];
    }
  }

  /** Wakes the streams that a held `write` told to wait. Throws what a listener throws. */
  wake(): void {
    this.#response.emit('drain');
    for (const { method, listener } of this.#waiting) {
      if (method === 'on') this.#before.on.call(this.#response, 'drain', listener);
      listener.call(this.#response);
    }
  }

  /** Waits for "drain" itself: compression would keep such a listener for its own stream, which has no reason to drain. */
  #await(method: Method): PropertyDescriptor {
    const value = (type: string | symbol, listener: Listener): ServerResponse => {
      if (type === 'drain') this.#waiting.push({ method, listener });
      else this.#before[method].call(this.#response, type, listener);
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
