import type { ServerResponse } from 'node:http';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import type { FrameworkRequest } from '../../http/request-facts.js';

/** Express passes the raw request and response, Fastify a wrapper around each. */
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

/** Adapters whose hook has the signature of {@link Hook}. Others may pass other arguments, or never run it. */
const FRAMEWORKS: ReadonlySet<string> = new Set(['express', 'fastify']);

const logger = new Logger('nest-sessions');

/** Receives every request first: installs the request hook of the HTTP adapter. */
@Injectable()
export class RequestHook implements OnApplicationBootstrap {
  #handler: Hook | undefined;
  #preparation: ((request: FrameworkRequest) => void) | undefined;
  #installed: { adapter: Adapter; hook: Hook } | undefined;

  /** Sets the handler of all requests. Must be called before the application is initialised. */
  onRequest(handler: Hook): void {
    this.#handler = handler;
  }

  /** Sets what is done with every request before its session is opened, also if it has none. @param prepare gets the raw request */
  beforeRequest(prepare: (request: FrameworkRequest) => void): void {
    this.#preparation = prepare;
  }

  /**
   * Installs the adapter's hook, to run after an existing one.
   *
   * @returns false if the adapter has no request hook, as in early versions of Nest 11: then a middleware is needed
   */
  install(adapter: Adapter): boolean {
    if (!FRAMEWORKS.has(adapter.getType())) return false;
    const own: Hook = (request, response, done) => {
      this.#preparation?.(request.raw ?? request);
      return this.#handler!(request, response, done);
    };
    const hook = adapter.onRequestHook ? behind(adapter.onRequestHook, adapter, own) : own;
    adapter.setOnRequestHook?.(hook);
    if (adapter.onRequestHook !== hook) return false;
    this.#installed = { adapter, hook };
    return true;
  }

  /** @throws SessionError `ERR_OPTIONS` if another hook has replaced this one */
  onApplicationBootstrap(): void {
    if (!this.#installed) return;
    const { adapter, hook } = this.#installed;
    if (adapter.onRequestHook === hook) return;
    const name = adapter.onRequestHook?.name || 'anonymous';
    throw new SessionError(
      'ERR_OPTIONS',
      `SessionModule: requests would have no session, because setOnRequestHook() was called with another function (${name}) during the start of the application, and an adapter keeps only one hook. ` +
        'Call it before app.init() and app.listen(): the hook of SessionModule then runs after that function.',
    );
  }
}

/** Runs one hook after another as a single hook, by the rules of the adapter. */
function behind(first: Hook, adapter: Adapter, second: Hook): Hook {
  // With Fastify, a promise that resolves has the same effect as a call of `done`.
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
