import type { SessionEngine } from '../../core/engine.js';
import type { Attached } from '../../core/presence/attached.js';
import { CookieAction } from '../../core/request/state.js';
import type { HandlerSession } from '../request/handler-session.js';
import { endOf, type SessionEnd } from '../sockets/session-end.js';

/**
 * Watches the session of a response: that of its request, and from its head on the one with which it begins, because the handler may
 * have stored, ended or replaced it.
 */
export class ResponseWatch {
  readonly #engine: SessionEngine;
  readonly #current: HandlerSession;
  readonly #close: (end: SessionEnd) => void;
  #attached: Attached | undefined;
  /** The session that is watched. */
  #id: string | undefined;
  #stopped = false;

  /** @param close called once, when the session is over */
  constructor(engine: SessionEngine, current: HandlerSession, close: (end: SessionEnd) => void) {
    this.#engine = engine;
    this.#current = current;
    this.#close = close;
    this.#attach();
    current.onBegin?.(() => this.#begun());
  }

  /** Whether the request is changing its session, or ends others. */
  get changing(): boolean {
    const { state } = this.#current;
    return state.busy || state.calls.unsettled;
  }

  /** Whether the session ended elsewhere: the request itself would remove or renew the cookie. */
  get lost(): boolean {
    const { state, cookie } = this.#current.state;
    return this.#attached?.over === true && state.kind === 'ended' && cookie === CookieAction.Keep;
  }

  stop(): void {
    this.#stopped = true;
    this.#attached?.detach();
  }

  #begun(): void {
    const id = this.#current.state.live?.handle.record.id;
    if (this.#stopped || id === undefined || id === this.#id) return;
    this.#attached?.detach();
    this.#attach();
  }

  /** The session was loaded when the request began; an end that was told since then is found by a look. */
  #attach(): void {
    const { state } = this.#current;
    this.#id = state.live?.handle.record.id;
    this.#attached = this.#engine.attachments.attach(state, (reason) => this.#close(endOf(reason)));
    // An outage ends nothing.
    this.#attached?.reload().catch(() => undefined);
  }
}
