import type { ServerResponse } from 'node:http';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import type { FrameworkRequest } from '../../http/request-facts.js';

/** Express hands over the raw pair, Fastify a wrapper around each. */
type HookedRequest = FrameworkRequest & { raw?: FrameworkRequest };
type HookedResponse = ServerResponse & { raw?: ServerResponse };
type Done = (error?: unknown) => void;
type Hook = (request: HookedRequest, response: HookedResponse, done: Done) => unknown;

/** The adapters of Express and Fastify run this one function before all middleware. */
interface Adapter {
  getType(): string;
  onRequestHook?: Hook;
  setOnRequestHook?(hook: Hook): void;
}

/** Adapters whose hook gets what {@link Hook} says. Others may say something else, or never run it. */
const FRAMEWORKS: ReadonlySet<string> = new Set(['express', 'fastify']);

const logger = new Logger('nest-sessions');

/** The place where a request is first heard of: the request hook of the HTTP adapter. */
@Injectable()
export class RequestHook implements OnApplicationBootstrap {
  #handler: Hook | undefined;
  #installed: { adapter: Adapter; hook: Hook } | undefined;

  /** Who gets the requests, all of which come after the application is initialised. */
  onRequest(handler: Hook): void {
    this.#handler = handler;
  }

  /**
   * Takes the adapter's hook, behind one that is there already.
   *
   * @returns false where the adapter has none, such as those of early versions of Nest 11, so that a middleware has to do
   */
  install(adapter: Adapter): boolean {
    if (!FRAMEWORKS.has(adapter.getType())) return false;
    const own: Hook = (request, response, done) => this.#handler!(request, response, done);
    const hook = adapter.onRequestHook ? behind(adapter.onRequestHook, adapter, own) : own;
    adapter.setOnRequestHook?.(hook);
    if (adapter.onRequestHook !== hook) return false;
    this.#installed = { adapter, hook };
    return true;
  }

  /** @throws SessionError `ERR_OPTIONS` where another hook has taken the place of this one */
  onApplicationBootstrap(): void {
    if (!this.#installed) return;
    const { adapter, hook } = this.#installed;
    if (adapter.onRequestHook === hook) return;
    const name = adapter.onRequestHook?.name || 'without a name';
    throw new SessionError(
      'ERR_OPTIONS',
      `SessionModule: requests would have no session, since setOnRequestHook() was called with another function (${name}) while the application started, and an adapter keeps only one. ` +
        'Call it before app.init() and app.listen(): SessionModule then runs after that function, and both are in place.',
    );
  }
}

/** One hook after another, each by the rules of the adapter, which knows of neither. */
function behind(first: Hook, adapter: Adapter, second: Hook): Hook {
  // With Fastify a promise that resolves is as good as a call of `done`.
  const resumes = adapter.getType() === 'fastify';
  return (request, response, done) => {
    let passed = false;
    const pass: Done = (error) => {
      if (passed) return void (error && logger.error(error));
      passed = true;
      if (error) done(error);
      else second(request, response, done);
    };
    const fail = (error: unknown): void => pass(error ?? new Error('The request hook failed.'));
    try {
      const result = first.call(adapter, request, response, pass);
      if (isPromise(result)) result.then(resumes ? () => pass() : undefined, fail);
    } catch (error) {
      fail(error);
    }
  };
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
