import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { callSafely, traceOf } from '../../core/events/events.js';
import type { SessionEngine } from '../../core/engine.js';
import type { Attached } from '../../core/presence/attached.js';
import type { Opening } from '../../core/presence/opening.js';
import { ChangeQueue } from '../../core/request/change-queue.js';
import type { RequestState } from '../../core/request/request-state.js';
import { Session } from '../../core/session.js';
import { sessionEnded } from '../../core/util/errors.js';
import type { FrameworkRequest } from '../../http/request-facts.js';
import type { HandlerSession } from '../request/handler-session.js';
import { loginRequired } from '../request/session.exceptions.js';
import type { UserLoader } from '../request/user-loader.js';
import { endOf, type SessionEnd } from './session-end.js';

const logger = new Logger('nest-sessions');

/** What all sockets share. */
export interface SocketServices {
  engine: SessionEngine;
  users: UserLoader;
}

/** What is done with a socket whose session is over. */
export interface Closer {
  /** Called for all that share the connection before any of them is closed, which closes the others. */
  announce(end: SessionEnd): void;
  close(end: SessionEnd): void;
}

/** The session of a socket, which its messages share. It is closed with the session. */
export class SocketSession implements HandlerSession {
  readonly state: RequestState;
  readonly request: FrameworkRequest;
  /** Whether another site opened the socket: only handlers marked `@AllowCrossOrigin()` take its messages. */
  readonly foreign: boolean;
  readonly #services: SocketServices;
  readonly #attached: Attached | undefined;
  readonly #closers = new Set<Closer>();
  #session: Session | undefined;
  #end: SessionEnd | undefined;
  #closed = false;
  /** Messages that count as activity and that no guard of this library has rejected, since the last commit. */
  #active = 0;
  /** Of messages at once: each finds what became of the changes before it. */
  readonly #settles = new ChangeQueue();
  /** The error by which changes were lost the last time. */
  #lastLoss: unknown;

  /** @param opening begun before the session was loaded */
  constructor(
    services: SocketServices,
    state: RequestState,
    request: FrameworkRequest,
    foreign: boolean,
    opening: Opening,
  ) {
    this.#services = services;
    this.state = state;
    this.request = request;
    this.foreign = foreign;
    state.asThrown = services.engine.config.asThrown;
    // No rotation: its cookie would reach nobody.
    state.response.cookieComesTooLate(true);
    this.#attached = services.engine.attachments.attach(
      state,
      (reason) => this.#ended(endOf(reason)),
      opening,
    );
    if (this.#attached) this.#attached.beforeLook = () => this.#settle();
  }

  get session(): Session {
    return (this.#session ??= new Session(this.state, this.#services.engine));
  }

  /** Loaded for each message: what a user may do can change while the socket is open. */
  get user(): Promise<unknown> {
    return this.#services.users.load(this.state);
  }

  readonly begun = false;

  get over(): boolean {
    return this.#closed;
  }

  /** How the session ended, if it did. */
  get end(): SessionEnd | undefined {
    return this.#end;
  }

  /** Whether a message has left something to be written. An end that failed is tried again by the next one, or by a look. */
  get unsettled(): boolean {
    return this.#active > 0 || this.state.changed || this.state.state.kind === 'ending';
  }

  /** For {@link settle}. */
  get losses(): number {
    return this.state.losses;
  }

  /** @param closer called once, when the session is over; at once if it is already */
  onEnd(closer: Closer): () => void {
    if (this.#end) closeAll([closer], this.#end);
    else this.#closers.add(closer);
    return () => this.#closers.delete(closer);
  }

  /** The socket has closed. */
  leave(): void {
    this.#closed = true;
    this.#closers.clear();
    this.#attached?.detach();
  }

  /**
   * Before each message: brings the session up to date, if it is older than `reloadEvery`.
   *
   * @throws SessionHttpException 401 if the session is over, 503 if it could not be loaded
   */
  async refresh(): Promise<void> {
    try {
      await this.#attached?.refresh();
    } catch (error) {
      throw this.#services.engine.config.asThrown?.(error) ?? error;
    }
    if (this.#end) throw loginRequired(sessionEnded());
  }

  /** As {@link refresh}, if a re-login would admit the message: it may have been on another node a moment ago. */
  async reload(): Promise<void> {
    await this.#attached?.reload();
  }

  vary(): void {
    // A message has no response with headers.
  }

  declare(active: boolean): void {
    if (!active) return;
    this.#active++;
    this.state.countActivity(true);
  }

  deny(active: boolean): void {
    if (active && this.#active > 0) this.#active--;
    if (this.#active === 0 && !this.state.intent) this.state.withdraw();
  }

  async commit(success: boolean): Promise<void> {
    try {
      await this.#services.engine.commit(this.state, success);
    } finally {
      this.#active = 0;
      if (!this.state.intent) this.state.withdraw();
    }
  }

  /**
   * After each message: stores what its handler changed, and extends the idle timeout if that is due.
   *
   * @param losses those when the handler began: what was lost since then may be changes of it, that another message of this
   *   socket could not store
   * @throws what a handler gets of a commit that fails
   */
  settle(losses: number): Promise<void> {
    return this.#settles.run(() => this.#settleAfter(losses));
  }

  async #settleAfter(losses: number): Promise<void> {
    try {
      await this.#settle();
    } catch (error) {
      // The next message begins with what is stored.
      this.state.changesLost();
      throw (this.#lastLoss = this.thrown(error));
    }
    if (this.losses === losses) return;
    // Where the session is over for this socket, as after a re-login elsewhere, the changes were lost by that.
    throw this.state.live ? this.#lastLoss : this.thrown(sessionEnded());
  }

  async #settle(): Promise<void> {
    if (this.unsettled && !this.#end) await this.commit(true);
  }

  /** Its session was loaded, or the handshake refused. */
  refuse(): void {
    // Nothing is left to refuse.
  }

  thrown(error: unknown): unknown {
    return this.#services.engine.thrown(this.state, error);
  }

  #ended(end: SessionEnd): void {
    this.#end = end;
    const closers = [...this.#closers];
    this.#closers.clear();
    closeAll(closers, end);
  }

  [inspect.custom](): string {
    return `SocketSession ${inspect(this.toJSON())}`;
  }

  toJSON(): Record<string, unknown> {
    return { id: this.state.id };
  }
}

/** One that throws, by a listener of the application, keeps no other socket open. */
function closeAll(closers: readonly Closer[], end: SessionEnd): void {
  for (const step of ['announce', 'close'] as const)
    for (const closer of closers)
      callSafely(
        () => closer[step](end),
        (error) => logger.error('A listener of a socket threw while it was closed.', traceOf(error)),
      );
}
