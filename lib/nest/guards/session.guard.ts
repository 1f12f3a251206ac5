import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import { cookieKeys } from '../../core/token/signer.js';
import type { FrameworkRequest } from '../../http/request-facts.js';
import { CsrfCheck, destinationOf } from '../../http/csrf.js';
import {
  crossOriginReport,
  type CrossOriginReport,
  type RefusedRequest,
} from '../request/cross-origin-report.js';
import { currentSession, storage } from '../request/current-session.js';
import type { HandlerSession } from '../request/handler-session.js';
import { crossOriginRefused } from '../request/session.exceptions.js';
import { policyOf, type HandlerPolicy } from '../request/session.metadata.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_SETTINGS } from '../options/tokens.js';
import { MessageAdmission } from '../sockets/message-admission.js';
import type { SocketEntry } from '../sockets/socket-entry.js';
import { SocketSessions } from '../sockets/socket-sessions.js';
import { adapterOf, isGraphql, isHttp, isSupported } from '../transports/adapters.js';
import { graphqlHandshakeOf, graphqlSocketOf, isUpgrade } from '../transports/graphql.adapter.js';
import { noSession } from '../transports/no-session.js';
import { isActivity, sessionOf } from '../transports/session-of.js';
import type { HandlerRequest } from '../transports/transport-adapter.js';

/**
 * Global guard, installed by the module. Rejects requests whose session could not be loaded (503), and CSRF (403):
 * cross-site requests that use an unsafe method, are a GraphQL mutation, or target a `@Logout()` handler. A login is
 * checked as well. For a request that passes it applies the handler's decorators for activity and caching.
 */
@Injectable()
export class SessionGuard implements CanActivate {
  readonly #context: boolean;
  readonly #blocks: boolean;
  readonly #csrf: CsrfCheck;
  readonly #report: CrossOriginReport;
  readonly #signingKeys: ReadonlySet<unknown>;

  readonly #sockets: SocketSessions;
  readonly #admission: MessageAdmission;

  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(SocketSessions) sockets: SocketSessions,
    @Inject(MessageAdmission) admission: MessageAdmission,
  ) {
    this.#sockets = sockets;
    this.#admission = admission;
    this.#context = settings.context;
    this.#blocks = settings.crossOrigin === 'block';
    this.#csrf = new CsrfCheck(settings);
    this.#report = crossOriginReport(settings);
    this.#signingKeys = new Set(cookieKeys(settings.secrets.reveal(), settings.engine.cookie.name));
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const socket = this.#socketOf(context);
    if (socket) return this.#admission.admit(context, socket);
    // A message broker's handler, for example. Within an HTTP request `adapterOf` rejects it, as it cannot be checked.
    if (!isSupported(context) && !currentSession()) return true;
    const request = adapterOf(context).requestOf(context);
    if (request) this.#assertOwnSecretFirst(request.raw ?? request);
    // Comes first: throws for a request whose session could not be loaded.
    const current = sessionOf(context);
    const policy = policyOf(context);
    const forged = this.#forged(context, policy, current, request);
    if (forged) {
      // The same request from the application's own pages gets another response.
      current?.vary('Sec-Fetch-Site, Origin');
      this.#report.note(forged);
      throw crossOriginRefused();
    }
    if (isGraphql(context)) current?.share?.();
    current?.declare(isActivity(context, policy), policy.cacheable);
    if (current && this.#context) restore(current);
    return true;
  }

  /** The socket over which the handler is called. GraphQL opens none before its first operation. */
  #socketOf(context: ExecutionContext): SocketEntry | undefined {
    if (isHttp(context) || !isSupported(context)) return undefined;
    const known = adapterOf(context).socketOf(context);
    if (known || !isGraphql(context)) return known;
    const request = graphqlHandshakeOf(context);
    if (!request) return undefined;
    const entry = this.#sockets.entry(request.raw ?? request);
    const client = graphqlSocketOf(context);
    if (client) this.#sockets.bind(client, entry);
    return entry;
  }

  /** The request if it is a cross-site one to a handler that is protected from CSRF. */
  #forged(
    context: ExecutionContext,
    policy: HandlerPolicy,
    current: HandlerSession | undefined,
    request: HandlerRequest | undefined,
  ): RefusedRequest | undefined {
    if (policy.allowCrossOrigin) return undefined;
    // The request may have been found by the asynchronous context alone.
    const asked = isHttp(context) ? request : (current?.request ?? request);
    const changes = policy.logout !== undefined || adapterOf(context).changesState(context, asked);
    if (!asked && changes && this.#blocks) this.#assertNoRequest(context);
    if (!asked || !changes) return undefined;
    if (!current && (isHttp(context) || !isUpgrade(asked))) return undefined;
    const to = destinationOf(asked, request?.host ?? asked.host);
    return this.#csrf.rejects(asked.headers, to) ? { ...asked.headers, host: to.host } : undefined;
  }

  /**
   * With the option `context` off, only a resolver's arguments can tell of its request.
   *
   * @throws SessionError `ERR_NO_SESSION` if there may be a request that they do not tell of
   */
  #assertNoRequest(context: ExecutionContext): void {
    if (this.#context || adapterOf(context).withoutSession(context) === 'exempt') return;
    throw noSession(context, 'It is unknown whether this is a cross-site request');
  }

  /**
   * A value that the application signs with a session key would be accepted as a predecessor token of a session, and
   * so end that session.
   *
   * @throws SessionError `ERR_OPTIONS` if the first secret of cookie-parser is a session key
   */
  #assertOwnSecretFirst({ secret }: ParsedRequest): void {
    if (secret === undefined || !this.#signingKeys.has(secret)) return;
    throw new SessionError(
      'ERR_OPTIONS',
      'cookieParser(): the first secret, which it uses to sign, must not be one of cookieKeys(). Put your own secret first: cookieParser([own, ...cookieKeys(secret)]).',
    );
  }
}

/**
 * Middleware that goes on from an event of the socket, such as a parser of uploads, leaves the context that the request
 * entered by.
 */
function restore(current: HandlerSession): void {
  if (storage.getStore() !== current) storage.enterWith(current);
}

/** cookie-parser stores its signing secret in `secret`. */
type ParsedRequest = FrameworkRequest & { secret?: unknown };
