import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { OriginalResponse } from './original-response.js';
import { headSent } from './response-calls.js';

type Listener = (...args: unknown[]) => void;

/** The properties that differ while a response is held. */
const PRETENDED = [
  'headersSent',
  '_header',
  'writableEnded',
  'setHeader',
  'setHeaders',
  'appendHeader',
  'removeHeader',
  'on',
] as const;

/**
 * Makes a held response look sent, so that no other code starts a second one. The head is not written yet,
 * because a failure may still replace it.
 */
export class ResponseFacade {
  readonly #original: OriginalResponse;
  readonly #response: ServerResponse;
  readonly #own: [string, PropertyDescriptor | undefined][];
  readonly #waiting: Listener[] = [];

  /** @param hasEnded whether the application has called `end` */
  constructor(original: OriginalResponse, hasEnded: () => boolean) {
    const { response } = original;
    this.#original = original;
    this.#response = response;
    this.#own = PRETENDED.map((name) => [name, Object.getOwnPropertyDescriptor(response, name)]);
    Object.defineProperties(response, {
      headersSent: { configurable: true, get: () => true },
      // By this field of Node other code, such as express-session, decides whether to write a head.
      _header: { configurable: true, writable: true, value: 'held' },
      writableEnded: { configurable: true, get: hasEnded },
      setHeader: this.#tooLate('set'),
      setHeaders: this.#tooLate('set'),
      appendHeader: this.#tooLate('append'),
      removeHeader: this.#tooLate('remove'),
    });
    // Code that patched `on` after the hook knows where its own data is: compression waits for its own stream.
    if (response.on === original.on) Object.defineProperty(response, 'on', this.#listen());
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
    const response = this.#response;
    response.emit('drain');
    for (const listener of this.#waiting) {
      if (!response.rawListeners('drain').includes(listener)) continue;
      response.removeListener('drain', listener);
      this.#original.on.call(response, 'drain', listener);
    }
  }

  /**
   * Keeps "drain" listeners on the response itself: code that patched `on` before the hook (such as compression) would
   * add them to its own stream, which has not received the data yet. They move there when the response goes on.
   */
  #listen(): PropertyDescriptor {
    const value = (type: string | symbol, listener: Listener): ServerResponse => {
      if (type !== 'drain') return this.#original.on.call(this.#response, type, listener) as ServerResponse;
      this.#waiting.push(listener);
      return EventEmitter.prototype.on.call(this.#response, type, listener) as ServerResponse;
    };
    return { configurable: true, writable: true, value };
  }

  #tooLate(verb: 'set' | 'append' | 'remove'): PropertyDescriptor {
    const value = (): never => {
      throw headSent(this.#response, verb);
    };
    return { configurable: true, writable: true, value };
  }
}
