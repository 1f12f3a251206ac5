import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { SessionEngine } from '../../core/engine.js';
import { crossOrigin, isSessionError } from '../../core/util/errors.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_ENGINE, SESSION_SETTINGS } from '../options/tokens.js';
import { crossOriginReport } from '../request/cross-origin-report.js';
import { asHttp, loginRequired } from '../request/session.exceptions.js';
import { UserLoader } from '../request/user-loader.js';
import { Handshake } from '../transports/handshake.js';
import { gatewayPolicies, type GatewayPolicies } from './gateway-policies.js';
import { attachEntry, entryOf, SocketEntry } from './socket-entry.js';
import { SocketSession, type SocketServices } from './socket-session.js';
import { closeSocket, onClosed, onGone, emitEnd, emitsClose } from './socket-shapes.js';

/** Calls back when a connection is closed. */
type Closing = (listener: () => void) => void;

/** Opens the sessions of sockets, and closes the sockets with them. */
@Injectable()
export class SocketSessions {
  readonly #settings: SessionSettings;
  readonly #host: HttpAdapterHost;
  readonly #services: SocketServices;
  readonly #modules: ModulesContainer | undefined;
  #policies: GatewayPolicies | undefined;

  constructor(
    @Inject(SESSION_ENGINE) engine: SessionEngine,
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Optional() @Inject(ModulesContainer) modules?: ModulesContainer,
  ) {
    this.#settings = settings;
    this.#host = host;
    this.#modules = modules;
    this.#services = { engine, users: new UserLoader(settings.user, engine) };
  }

  /** Whether `SessionService.current` works. */
  get context(): boolean {
    return this.#settings.context;
  }

  /**
   * The session of a socket, by the request of its handshake. Opened once, whoever asks.
   *
   * @param closing calls back when the connection is closed. Default: that of the request
   */
  entry(
    request: IncomingMessage,
    closing: Closing = (listener) => onConnectionClosed(request, listener),
  ): SocketEntry {
    const known = entryOf(request);
    if (known) return known;
    const entry = new SocketEntry(this.#open(request, closing));
    attachEntry(request, entry);
    // After an outage the client may try again over the same connection.
    entry.ready.catch(() => attachEntry(request, undefined));
    return entry;
  }

  /**
   * As {@link entry}, for a handshake of a gateway.
   *
   * @throws SessionHttpException 403 if another site opens the socket, 401 where no gateway takes messages of a client that is not
   *   logged in, 503 if the session could not be loaded
   */
  async admit(request: IncomingMessage, closing?: Closing): Promise<SocketEntry> {
    const entry = this.entry(request, closing);
    const session = await entry.ready;
    const { needLogin, someCrossOrigin } = this.#gateways;
    try {
      if (session.foreign && !someCrossOrigin) throw this.refuseForeign(request);
      if (needLogin && !session.session.loggedIn) throw loginRequired();
    } catch (error) {
      session.leave();
      throw error;
    }
    entry.ofGateway = true;
    return entry;
  }

  /** The session of a handshake that was admitted to a gateway. */
  ofGateway(request: object): Promise<SocketSession> | undefined {
    const entry = entryOf(request);
    return entry?.ofGateway ? entry.ready : undefined;
  }

  /** Has the socket closed when the session ends. */
  bind(client: object, entry: SocketEntry): void {
    if (entryOf(client) === entry) return;
    attachEntry(client, entry);
    entry.ready.then(
      (session) => {
        const unbind = session.onEnd({
          announce: (end) => emitEnd(client, end),
          close: (end) => closeSocket(client, end),
        });
        onGone(client, unbind);
      },
      () => undefined,
    );
  }

  /** Tells the operator. @returns what the client gets */
  refuseForeign(request: IncomingMessage): unknown {
    crossOriginReport(this.#settings).note(new Handshake(request, undefined, this.#host.httpAdapter).refusal);
    return asHttp(crossOrigin());
  }

  get #gateways(): GatewayPolicies {
    return (this.#policies ??= this.#modules
      ? gatewayPolicies(this.#modules)
      : { needLogin: false, someCrossOrigin: false });
  }

  async #open(request: IncomingMessage, closing: Closing): Promise<SocketSession> {
    const { engine } = this.#services;
    const handshake = new Handshake(request, undefined, this.#host.httpAdapter);
    const opening = engine.attachments.begin();
    try {
      const state = await engine.openDetached(handshake.header('cookie'), handshake.client);
      const { crossOrigin: rule, allowedOrigins } = this.#settings;
      const foreign = rule === 'block' && handshake.isCrossOrigin(allowedOrigins);
      const session = new SocketSession(this.#services, state, request, foreign, opening);
      closing(() => session.leave());
      return session;
    } catch (error) {
      opening.done();
      throw isSessionError(error) ? asHttp(error) : error;
    }
  }
}

/** Of polling, the request comes and goes by a connection that is not the one of the requests after it. */
export const closingOf = (request: IncomingMessage, client: object): Closing =>
  emitsClose(client)
    ? (listener) => onClosed(client, listener)
    : (listener) => onConnectionClosed(request, listener);

function onConnectionClosed({ socket }: Partial<IncomingMessage>, listener: () => void): void {
  // What has no connection of its own cannot tell when it is over, and so is not kept.
  if (!socket || socket.destroyed) listener();
  else socket.once('close', listener);
}
