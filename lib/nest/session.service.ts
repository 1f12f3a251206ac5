import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { boundAtOf } from '../core/device/device-key.js';
import type { SessionEngine } from '../core/engine.js';
import type { Closed } from '../core/presence/attached.js';
import { crossOrigin as crossOriginError, SessionError } from '../core/util/errors.js';
import { callSafely, traceOf, type SessionEvent } from '../core/events/events.js';
import type { Client } from '../core/storage/backend.js';
import { isId } from '../core/token/ids.js';
import type { LoginOptions, ReloginOptions } from '../core/operations/operations.js';
import { knownProof } from '../core/model/policy.js';
import { plainDevice, type SessionRecord } from '../core/model/record.js';
import {
  Session as CoreSession,
  stateOf,
  type DataOf,
  type SessionData,
  type SessionInfo,
} from '../core/session.js';
import type { Session } from './session.js';
import { assertFactorIfNamed, assertSubjectIfNamed } from '../core/model/subject.js';
import type { RequestState } from '../core/request/request-state.js';
import { CookieAction } from '../core/request/state.js';
import { Handshake, type HandshakeSource } from './transports/handshake.js';
import { crossOriginReport } from './request/cross-origin-report.js';
import { currentSession, storage } from './request/current-session.js';
import { asHttp } from './request/session.exceptions.js';
import { endOf, type SessionEnd } from './sockets/session-end.js';
import { closingOf, SocketSessions } from './sockets/socket-sessions.js';
import { SessionEvents } from './session.events.js';
import type { SessionSettings } from './options/session.settings.js';
import { checkCall, type CallName } from './options/call-options.js';
import { checkKeep } from './options/data-keys.js';
import { SESSION_ENGINE, SESSION_SETTINGS } from './options/tokens.js';

const logger = new Logger('nest-sessions');

/** The session to act on; by default the current one. Needed where the option `context` is false. */
export interface SessionTarget {
  /** A session that `@Session()` or `open()` gave. @default the session of the present request */
  session?: CoreSession<object>;
}

/** What `logout()` takes. */
export interface LogoutOptions extends SessionTarget {
  /** Ends all sessions of the user, on every device. @default false */
  everywhere?: boolean;
}

/** What `regenerate()` takes. */
export interface RegenerateOptions<T = Record<string, unknown>> extends SessionTarget {
  /** Keys of the data that stay. @default none */
  keep?: readonly (keyof T & string)[];
}

/** What `revoke()` takes. */
export interface RevokeOptions {
  /** Whose session it has to be, else it stays. @default anybody's */
  subject?: string;
}

/** What `revokeAll()` takes. */
export interface RevokeAllOptions {
  /** The ids of sessions that stay. @default none */
  except?: string | readonly string[];
}

/** What `open()` takes beside the handshake. */
export interface HandshakeOptions {
  /**
   * The client's address, for `protection`. By default that of the request; behind a proxy it is known with Express and
   * its `trust proxy`, and otherwise to be given here.
   */
  ip?: string;
}

/**
 * Logs users in and out. Each method that changes something has it stored when its promise resolves, and
 * rejects: with `ERR_STORE_UNAVAILABLE` when the store fails, with `ERR_HEAD_SENT` when the response is already on
 * its way. Within a request an error that a client may see is a `SessionHttpException`, elsewhere a `SessionError`;
 * `isSessionError()` knows both, and the `code` is the same.
 */
@Injectable()
export class SessionService<T extends object = SessionData> {
  /**
   * What happens to sessions, on this node and, where the store tells of it, on the others. A subscriber that
   * throws is logged; behind `pipe()` it is rxjs that reports it, which ends the process: catch errors there.
   */
  readonly events: Observable<SessionEvent>;
  readonly #engine: SessionEngine;
  readonly #settings: SessionSettings;
  readonly #host: HttpAdapterHost;
  readonly #sockets: SocketSessions;

  /** @internal */
  constructor(
    @Inject(SESSION_ENGINE) engine: SessionEngine,
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(SocketSessions) sockets: SocketSessions,
  ) {
    this.#engine = engine;
    this.#settings = settings;
    this.#host = host;
    this.#sockets = sockets;
    this.events = new SessionEvents(engine.events);
  }

  /**
   * The session of the present request, by the asynchronous context.
   *
   * That of a callback or an rxjs operator behind a client that several requests share (a socket, a pool, a
   * message broker) is the one in which the connection was opened, so there it may be the session of *somebody else*: take it
   * with `@Session()` in the handler, and use that one in the callback.
   *
   * @throws SessionError `ERR_NO_SESSION` outside of a request, and in the context of one that is finished
   */
  get current(): Session<T> {
    const current = currentSession();
    if (current) return current.session as unknown as Session<T>;
    if (storage.getStore()) {
      throw new SessionError(
        'ERR_NO_SESSION',
        'The request in whose context this runs is finished, or its client has gone. Callbacks of a client that several requests share run in the context of the request that opened its connection. Take the session with @Session() in the handler and use that one in the callback.',
      );
    }
    const { path } = this.#settings.engine.cookie;
    const outOfPath = path === '/' ? '' : `outside of the path of the session cookie, '${path}', `;
    throw new SessionError(
      'ERR_NO_SESSION',
      `There is no session here: outside of a request, on a route that the option "exclude" names, ${outOfPath}in handleConnection() of a gateway, or with the option "context" off. Take it with @Session() in the handler and pass it on; in handleConnection(), call await sessions.open(client.request).`,
    );
  }

  /**
   * Begins a session of a user who has just proved who they are: under a new id, with none of the anonymous
   * session's data but the keys of `keep`. The old session is over.
   *
   * @throws SessionError `ERR_SESSION_LIMIT` where `maxSessions` refuses another, `ERR_SUBJECT`, `ERR_FACTOR`,
   *   `ERR_OPTIONS` for a key of `keep` that the class or Zod object of the option `data` does not have
   */
  login(subject: string, options: LoginOptions<DataOf<T>> & SessionTarget = {}): Promise<void> {
    return this.#change('login()', options, (state) => {
      assertFactorIfNamed(options);
      return this.#engine.login(state, subject, options);
    });
  }

  /**
   * The user proved themselves again. The login counts as fresh, the lifetime starts anew, and the cookie
   * gets a new secret; the old one is dead.
   *
   * @throws SessionError `ERR_NOT_LOGGED_IN`, `ERR_SESSION_ENDED`, `ERR_SUBJECT` for a subject that is given and is
   *   no text, `ERR_FACTOR`
   */
  relogin(options: ReloginOptions & SessionTarget = {}): Promise<void> {
    return this.#change('relogin()', options, (state) => {
      assertSubjectIfNamed(options);
      assertFactorIfNamed(options);
      return this.#engine.relogin(state, options);
    });
  }

  /**
   * A new secret and clean data in the same session, for a change of privilege. It stays logged in, with the same id
   * and times; data goes, but for the keys of `keep`.
   *
   * @throws SessionError `ERR_SESSION_ENDED` if it was ended meanwhile, `ERR_OPTIONS` for a key of `keep` as in `login()`
   */
  regenerate(options: RegenerateOptions<DataOf<T>> = {}): Promise<void> {
    return this.#change('regenerate()', options, (state) => this.#engine.regenerate(state, options));
  }

  /** Ends the session and expires its cookie. Without a session it does nothing. */
  clear(options: SessionTarget = {}): Promise<void> {
    return this.#change('clear()', options, (state) => this.#engine.end(state, 'cleared'));
  }

  /**
   * Ends the session, here or `everywhere`, and expires its cookie; over HTTPS the browser also clears what the option
   * `clearSiteData` names. Without a session it does nothing.
   *
   * @throws SessionError `ERR_SESSION_ENDED` with `everywhere`, if the token of the request was replaced too long ago to end
   *   other sessions; `ERR_REVOCATION_UNAVAILABLE` for it over sealed cookies without a revocation list
   */
  logout(options: LogoutOptions = {}): Promise<void> {
    return this.#change('logout()', options, (state) =>
      this.#engine.end(state, 'logout', options.everywhere),
    );
  }

  /**
   * The live sessions of a user, the latest first.
   *
   * @throws SessionError `ERR_LIST_UNAVAILABLE` over sealed cookies without an `index`
   */
  list(subject: string): Promise<SessionInfo[]> {
    return this.#read('list()', async () => {
      const records = await this.#engine.list(subject);
      const current = currentSession()?.state.handle?.record.id;
      return records.map((record) => this.#info(record, current));
    });
  }

  /**
   * Ends the session of this id, and returns how many that were: 1 or 0. Where a user asks for it give
   * `subject`, so that users end only sessions of their own.
   *
   * @throws SessionError `ERR_SUBJECT` for a subject that is given and is no text
   */
  revoke(id: string, options: RevokeOptions = {}): Promise<number> {
    return this.#write('revoke()', async () => {
      checkCall('revoke()', options);
      assertSubjectIfNamed(options);
      if (!isId(id)) return 0;
      const ended = await this.#engine.revoke(id, options.subject);
      if (ended > 0) loseCurrent((current) => current === id);
      return ended;
    });
  }

  /**
   * Ends all sessions of a user but those of the ids in `except`, and returns how many.
   *
   * @throws SessionError `ERR_SUBJECT`, and `ERR_OPTIONS` for an `except` that is given and holds something else than ids
   */
  revokeAll(subject: string, options: RevokeAllOptions = {}): Promise<number> {
    return this.#write('revokeAll()', async () => {
      checkCall('revokeAll()', options);
      const kept = keptIds(options);
      const own = currentSession()?.state.handle?.record;
      const ended = await this.#engine.revokeAll(subject, kept);
      if (own?.subject === subject) loseCurrent((current) => !kept.includes(current));
      return ended;
    });
  }

  /**
   * Resolves if the store responds within `storeTimeout`, for a health check. With sealed cookies it asks for the list of
   * revocations and the index; without them there is nothing to ask.
   *
   * @throws SessionError `ERR_STORE_UNAVAILABLE`
   */
  ping(): Promise<void> {
    return this.#engine.ping();
  }

  /**
   * The session of a WebSocket's handshake, from its request or, where there is none, its headers. It can be read,
   * changed with `update()` and `commit()`, and ended; it does not roll, and what needs a new cookie throws
   * `ERR_NO_RESPONSE`.
   *
   * Browsers open sockets for any site, with the cookies of this one. So a handshake whose `Sec-Fetch-Site` or `Origin`
   * is foreign is refused, unless the option `crossOrigin` lets it pass; one without either is no browser's.
   *
   * Of the request of a client that a gateway has, such as `client.request`, it is the session that the socket has, without a
   * query: the one that its messages share, and an anonymous one if another site opened it.
   *
   * @throws SessionError `ERR_CROSS_ORIGIN`, `ERR_STORE_UNAVAILABLE`
   */
  open(source: HandshakeSource, options: HandshakeOptions = {}): Promise<Session<T>> {
    return this.#read('open()', async () => {
      checkCall('open()', options);
      const handshake = new Handshake(source, options.ip, this.#host.httpAdapter);
      const admitted = await this.#sockets.ofGateway(source);
      if (admitted?.foreign) return this.#detached(undefined, handshake.client);
      // An address that is given is one by which it was not opened.
      if (admitted && options.ip === undefined) return admitted.session as unknown as Session<T>;
      const { crossOrigin, allowedOrigins } = this.#settings;
      if (crossOrigin === 'block' && handshake.isCrossOrigin(allowedOrigins)) {
        crossOriginReport(this.#settings).note(handshake.refusal);
        throw crossOriginError();
      }
      return this.#detached(handshake.header('cookie'), handshake.client);
    });
  }

  async #detached(cookieHeader: string | undefined, client: Client): Promise<Session<T>> {
    const state = await this.#engine.openDetached(cookieHeader, client);
    return new CoreSession<T>(state, this.#engine) as Session<T>;
  }

  /**
   * The session of a socket that the application accepts by itself, and closes it when the session ends: for `onConnect` of
   * graphql-ws, and for a server of your own. The sockets of Nest's gateways need no call.
   *
   * @param request of the handshake
   * @param socket a WebSocket of the package ws or a socket of socket.io
   * @throws SessionError `ERR_CROSS_ORIGIN`, `ERR_STORE_UNAVAILABLE`, as `open()`
   */
  connect(request: IncomingMessage, socket: object): Promise<Session<T>> {
    return this.#read('connect()', async () => {
      const entry = this.#sockets.entry(request, closingOf(request, socket));
      const opened = await entry.ready;
      if (opened.foreign) throw this.#sockets.refuseForeign(request);
      this.#sockets.bind(socket, entry);
      return opened.session as unknown as Session<T>;
    });
  }

  /**
   * Calls back once, when the session ends: anywhere, for any reason, timeouts included. On this node by the event, from other
   * nodes with the lag of the events, and within `reloadEvery` where an event was lost. A session that has ended since it was
   * given is looked at now, so that its callback is called as well, after this method has returned.
   *
   * Call what it returns when the callback is no longer needed: until then the session is looked at every so often. A session that is
   * not stored cannot end, so its callback is never called.
   *
   * @param session that `@Session()`, `open()` or `connect()` gave
   * @returns a function that calls it off
   */
  onEnd(session: CoreSession<object>, callback: (end: SessionEnd) => void): () => void {
    const state = stateOf(session);
    let off = false;
    const tell: Closed = (reason) => {
      if (off) return;
      off = true;
      callSafely(
        () => callback(endOf(reason)),
        (error) => logger.error('A callback of SessionService.onEnd() threw.', traceOf(error)),
      );
    };
    const attached = this.#engine.attachments.attach(state, tell);
    // An outage ends nothing.
    attached?.reload().catch(() => undefined);
    const { kind } = state.state;
    if (kind === 'ending' || kind === 'ended') queueMicrotask(() => tell(undefined));
    return () => {
      off = true;
      attached?.detach();
    };
  }

  #change(
    name: CallName,
    options: SessionTarget & { keep?: unknown },
    work: (state: RequestState) => Promise<void>,
  ): Promise<void> {
    let state: RequestState;
    try {
      checkCall(name, options);
      checkKeep(name, options, this.#settings.dataKeys);
      state = this.#state(options);
    } catch (error) {
      return this.#engine.callOutside(name, Promise.reject<never>(error));
    }
    return this.#engine.call(state, name, async () => work(state));
  }

  /** Ends other sessions. Within a request its response waits for that, as for a change of its own session. */
  #write<R>(name: string, work: () => Promise<R>): Promise<R> {
    const current = currentSession();
    return current ? this.#engine.call(current.state, name, work) : this.#outside(name, work);
  }

  /** Changes nothing, so that no response waits for it. */
  #read<R>(name: string, work: () => Promise<R>): Promise<R> {
    const current = currentSession();
    return current ? this.#engine.callInBackground(current.state, name, work) : this.#outside(name, work);
  }

  #outside<R>(name: string, work: () => Promise<R>): Promise<R> {
    const asThrown = this.#mayBeWithinRequest ? asHttp : (error: unknown): unknown => error;
    const done = work().catch((error: unknown) => {
      throw asThrown(error);
    });
    return this.#engine.callOutside(name, done);
  }

  get #mayBeWithinRequest(): boolean {
    return !this.#settings.context || storage.getStore() !== undefined;
  }

  #state(options: SessionTarget): RequestState {
    if (!('session' in options)) return stateOf(this.current);
    if (options.session) return stateOf(options.session);
    throw new SessionError(
      'ERR_NO_SESSION',
      'The option "session" is undefined. Give a session, or leave the option out to act on the current one.',
    );
  }

  #info(record: SessionRecord, current: string | undefined): SessionInfo {
    return {
      id: record.id,
      subject: record.subject!,
      device: plainDevice(record.device ?? {}),
      createdAt: new Date(record.createdAt),
      startedAt: new Date(record.startedAt),
      lastSeenAt: new Date(record.lastSeenAt),
      expiresAt: new Date(this.#engine.recordExpiry(record)),
      authenticatedAt: knownProof(record.factors),
      boundAt: boundAtOf(record),
      remember: record.remember,
      current: record.id === current,
    };
  }
}

function keptIds(options: { except?: unknown }): readonly string[] {
  const { except } = options;
  const kept: readonly unknown[] = Array.isArray(except) ? except : 'except' in options ? [except] : [];
  if (kept.every((id) => typeof id === 'string' && id !== '')) return kept as readonly string[];
  throw new SessionError(
    'ERR_OPTIONS',
    'revokeAll(): "except" holds something else than ids, so that sessions would end that are to be kept. Give the ids, or leave it out.',
  );
}

/** The response of the request that ended its own session takes the cookie away. */
function loseCurrent(ended: (id: string) => boolean): void {
  const state = currentSession()?.state;
  if (!state) return;
  // Where something open belongs to it, the event of the end came first.
  const endArrived = state.state.kind === 'ended' && state.cookie === CookieAction.Keep;
  const id = endArrived ? state.id : state.handle?.record.id;
  if (id !== undefined && ended(id)) state.revoked();
}
