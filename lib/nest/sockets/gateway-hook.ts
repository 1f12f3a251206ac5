import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, Logger, type WebSocketAdapter } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { traceOf } from '../../core/events/events.js';
import { isSessionError } from '../../core/util/errors.js';
import { storage } from '../request/current-session.js';
import { SessionHttpException } from '../request/session.exceptions.js';
import { GatewayGuard } from './gateway.guard.js';
import { CROSS_ORIGIN, SESSION_ENDED, TRY_AGAIN } from './session-end.js';
import { entryOf, type SocketEntry } from './socket-entry.js';
import type { SocketSession } from './socket-session.js';
import { SocketSessions } from './socket-sessions.js';
import {
  closePlainly,
  deliverExceptions,
  endSocket,
  handshakeOf,
  isIoServer,
  isWsServer,
  onClosed,
  restoreNobody,
  sendException,
  type HandshakeInfo,
  type IoServer,
  type Verified,
  type VerifyClient,
  type WsServer,
} from './socket-shapes.js';
import { asWs, loadWsException, toldOf } from './ws.exception.js';

const logger = new Logger('nest-sessions');

/** What Nest gives an adapter for each message of a gateway. */
interface MessageHandler {
  callback: (...args: unknown[]) => unknown;
}

/**
 * Opens the session of each client of a gateway before the gateway gets it. The adapter of the application is the one place
 * that every server, every client and every message passes; which one it is decides itself before the application starts.
 */
@Injectable()
export class GatewayHook {
  readonly #sockets: SocketSessions;
  readonly #guard: GatewayGuard;
  /** Adapters, servers and namespaces that are prepared. */
  readonly #prepared = new WeakSet();

  constructor(
    @Inject(ApplicationConfig) config: ApplicationConfig,
    @Inject(SocketSessions) sockets: SocketSessions,
    @Inject(GatewayGuard) guard: GatewayGuard,
  ) {
    this.#sockets = sockets;
    this.#guard = guard;
    // Null until an adapter is given, whatever its type says.
    const present = config.getIoAdapter() as WebSocketAdapter | null;
    if (present) this.#equip(present);
    const set = config.setIoAdapter.bind(config);
    config.setIoAdapter = (adapter) => {
      this.#equip(adapter);
      set(adapter);
    };
  }

  #equip(adapter: WebSocketAdapter): void {
    if (!this.#isNew(adapter)) return;
    this.#guard.bind();
    const { create, bindClientConnect, bindMessageHandlers } = adapter;
    adapter.create = (port: number, options?: unknown): unknown => {
      const server: unknown = create.call(adapter, port, options);
      this.#prepare(server);
      return server;
    };
    adapter.bindClientConnect = (server: unknown, callback: (...args: unknown[]) => unknown): unknown => {
      this.#prepare(server);
      return bindClientConnect.call(adapter, server, (...args: unknown[]) => {
        if (this.#connected(args[0], args[1])) callback(...args);
      });
    };
    adapter.bindMessageHandlers = (
      client: unknown,
      handlers: MessageHandler[],
      transform: never,
    ): unknown => {
      const guarded = handlers.map((handler) => ({
        ...handler,
        callback: (...args: unknown[]) => this.#message(client as object, () => handler.callback(...args)),
      }));
      return bindMessageHandlers.call(adapter, client, guarded as never, transform);
    };
  }

  /** Where the server lets us, a handshake is refused before there is a connection. */
  #prepare(server: unknown): void {
    if (typeof server !== 'object' || server === null || !this.#isNew(server)) return;
    void loadWsException();
    if (isIoServer(server)) this.#prepareIo(server);
    else if (isWsServer(server)) this.#prepareWs(server);
  }

  #prepareIo(server: IoServer): void {
    if (restoreNobody(server))
      logger.warn(
        'The option "connectionStateRecovery" of socket.io has no effect: a client that comes back would get what was sent to the rooms of a session that may have ended.',
      );
    server.use((socket, next) => {
      this.#admit(socket.request, (listener) => onClosed(socket, listener)).then(
        (entry) => {
          this.#sockets.bind(socket, entry);
          next();
        },
        (error: unknown) => next(refusalOf(error)),
      );
    });
  }

  #prepareWs(server: WsServer): void {
    const { verifyClient: theirs } = server.options;
    server.options.verifyClient = (info: HandshakeInfo, done: Verified): void => {
      this.#admit(info.req).then(
        () => (theirs ? askTheirs(theirs, info, done) : done(true)),
        (error: unknown) => done(false, statusOf(error), refusalOf(error).message),
      );
    };
  }

  /** False for a client that is turned away. */
  #connected(client: unknown, handshake: unknown): boolean {
    if (typeof client !== 'object' || client === null) return true;
    if (this.#isNew(client)) deliverExceptions(client);
    const entry = entryOf(client) ?? this.#bound(client, handshake);
    const end = entry?.session?.end;
    // It ended while the connection was being made, when there was nothing to close yet.
    if (end) endSocket(client, end);
    return !end;
  }

  #bound(client: object, handshake: unknown): SocketEntry | undefined {
    const request = handshakeOf(client, handshake);
    // What is no handshake of HTTP has no cookie.
    if (!request) return undefined;
    const opened = entryOf(request);
    if (opened) this.#sockets.bind(client, opened);
    else this.#admitLate(client, request);
    return opened;
  }

  /** For a server that could not be prepared, or that skips its middleware for a client that comes back. */
  #admitLate(client: object, request: IncomingMessage): void {
    const entry = this.#sockets.entry(request, (listener) => onClosed(client, listener));
    // It has the client already.
    entry.ofGateway = true;
    this.#sockets.bind(client, entry);
    this.#admit(request).catch((error: unknown) => {
      closePlainly(client, closeCodeOf(error), refusalOf(error).message);
    });
  }

  async #admit(request: IncomingMessage, closing?: (listener: () => void) => void): Promise<SocketEntry> {
    await loadWsException();
    const entry = await this.#sockets.admit(request, closing);
    const { session } = entry;
    if (session) session.state.asThrown = asWs;
    return entry;
  }

  /** The session of the socket is the current one for its handler, whose changes are stored before its value goes on. */
  async #message(client: object, run: () => unknown): Promise<unknown> {
    const entry = entryOf(client);
    if (!entry) return run();
    const session = entry.session ?? (await entry.ready.catch(() => undefined));
    if (!session) return undefined;
    const { losses } = session;
    const value: unknown = await (this.#sockets.context ? storage.run(session, run) : run());
    return (await this.#settled(session, client, losses)) ? value : undefined;
  }

  /** The exception filters have seen the handler, and do not see this. */
  async #settled(session: SocketSession, client: object, losses: number): Promise<boolean> {
    if (!session.unsettled && session.losses === losses) return true;
    try {
      await session.settle(losses);
      return true;
    } catch (error) {
      if (toldOf(error).message === 'Internal server error')
        logger.error(
          'What a handler of a gateway changed in its session could not be stored.',
          traceOf(error),
        );
      sendException(client, toldOf(error));
      return false;
    }
  }

  #isNew(one: object): boolean {
    const fresh = !this.#prepared.has(one);
    this.#prepared.add(one);
    return fresh;
  }
}

/** What the application gave the server itself is asked as well. It may throw. */
function askTheirs(theirs: VerifyClient, info: HandshakeInfo, done: Verified): void {
  let accepted: boolean;
  try {
    if (theirs.length === 2) return void theirs(info, done);
    accepted = (theirs as (info: HandshakeInfo) => boolean)(info);
  } catch (error) {
    logger.error('verifyClient() of a server threw.', traceOf(error));
    return done(false, 500);
  }
  done(accepted);
}

const statusOf = (error: unknown): number => (error instanceof SessionHttpException ? error.statusCode : 500);

const CLOSE_CODES: Readonly<Record<number, number>> = {
  401: SESSION_ENDED,
  403: CROSS_ORIGIN,
  503: TRY_AGAIN,
};

/** RFC 6455 §7.4.1: 1011 is an error of the server. */
const closeCodeOf = (error: unknown): number => CLOSE_CODES[statusOf(error)] ?? 1011;

/** What the client of a refused handshake learns; socket.io passes `data` on. */
function refusalOf(error: unknown): Error {
  const known = error instanceof SessionHttpException;
  if (!known) logger.error('A handshake failed.', traceOf(error));
  const message = known ? error.message : 'Internal server error';
  const code = known ? error.extensions.code : undefined;
  return Object.assign(new Error(message), isSessionError(error) ? { data: { code } } : {});
}
