import type { ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import { isUnsafe } from '../../http/csrf.js';
import { attached, currentSession, storage } from '../request/current-session.js';
import type { HandlerSession } from '../request/handler-session.js';
import { entryOf } from '../sockets/socket-entry.js';
import { routeRemedy } from './route-remedy.js';
import type { HandlerRequest, TransportAdapter } from './transport-adapter.js';

/**
 * Where drivers put the request into the context of GraphQL: Apollo, Yoga and Mercurius have `req`, as @nestjs/graphql
 * adds it, Mercurius also `reply.request`, and for subscriptions `request`. graphql-ws has `extra.request`, and under
 * Apollo all of its context is in `req`.
 */
interface GraphqlContext {
  req?: HandlerRequest & { extra?: SocketExtra };
  request?: HandlerRequest;
  reply?: { request?: HandlerRequest };
  extra?: SocketExtra;
}

interface SocketExtra {
  request?: HandlerRequest;
  socket?: object;
}

/** What @fastify/websocket adds to requests, and to the application. */
type UpgradeRequest = HandlerRequest & {
  /** Whether it opened a socket. */
  ws?: boolean | null;
  server?: { websocketServer?: { clients: Iterable<{ _socket?: object }> } };
};

/** The part of `GraphQLResolveInfo` that counts here. */
interface ResolveInfo {
  operation?: { operation?: string };
  path?: { prev?: object | undefined };
}

export const graphqlAdapter: TransportAdapter = {
  requestOf: (context) => requestsIn(context)[0],

  sessionOf(context) {
    const requests = requestsIn(context);
    // An upgraded connection does not pass through the entry, so the asynchronous context belongs to another request.
    const upgrade = requests.find(isUpgrade);
    if (upgrade) return entryOf(upgrade.raw ?? upgrade)?.session;
    const found = requests.reduce(
      (one, request) => theOnly(one, attached(request.raw ?? request)),
      currentSession(),
    );
    // Without the asynchronous context, nothing else tells that the request is one of the past.
    if (found?.over && storage.getStore() !== found) throw foreignRequest();
    return found;
  },

  socketOf(context) {
    const upgrade = requestsIn(context).find(isUpgrade);
    return upgrade && entryOf(upgrade.raw ?? upgrade);
  },

  // The driver makes the response of several resolvers.
  responseOf: () => undefined,

  /** Some drivers accept mutations by GET, and any site can make a browser open a socket. */
  changesState(context, request) {
    const mutation = infoOf(context)?.operation?.operation === 'mutation';
    return mutation || (request !== undefined && (isUnsafe(request.method) || isUpgrade(request)));
  },

  /** A resolver of an object's field runs because of the field of the operation that returned the object. */
  isEntry: (context) => infoOf(context)?.path?.prev === undefined,

  withoutSession(context) {
    const request = requestsIn(context)[0];
    return request && (!isUpgrade(request) || entryOf(request.raw ?? request)) ? 'anonymous' : 'error';
  },

  remedy(context) {
    const request = requestsIn(context)[0];
    if (!request) return NO_REQUEST;
    return isUpgrade(request) ? SOCKET : routeRemedy(request);
  },

  thrown: (_, error) => error,
};

const NO_REQUEST =
  'The context of GraphQL holds no request by which its session could be found. Return the request of Express or Fastify in it, as "req", from the option "context" of the GraphQL module.';

const SOCKET =
  'The session of this socket was not opened. Import SessionModule in the root module, before the modules whose global guards ask for a session.';

/** @returns the one session that is given. @throws SessionError `ERR_NO_SESSION` if there are two */
function theOnly(one: HandlerSession | undefined, other: HandlerSession | undefined) {
  if (one && other && one !== other) throw foreignRequest();
  return one ?? other;
}

const foreignRequest = (): SessionError =>
  new SessionError(
    'ERR_NO_SESSION',
    'The context of GraphQL holds another request, or one that is finished, so it is not known whose session this is. An object given as the option "context" of the GraphQL module may be shared by all requests: give a function that returns a new one for each.',
  );

function requestsIn(context: ExecutionContext): HandlerRequest[] {
  const given = contextValueOf(context);
  if (given === undefined) return [];
  const { req, request, reply, extra } = given;
  return [req, request, reply?.request, extra?.request, req?.extra?.request].filter(isOfNode);
}

/** Whether it is a request of an HTTP adapter, whose headers are an object. One of the fetch API never passed through the entry. */
const isOfNode = (request: HandlerRequest | undefined): request is HandlerRequest =>
  request?.headers != null && typeof request.headers.get !== 'function';

/**
 * Whether the request opened a socket, over which the operation came. Some clients offer an upgrade in ordinary requests. The
 * entry sees none, but for the ones of Mercurius: @fastify/websocket has Fastify route them like other requests.
 */
export const isUpgrade = (request: UpgradeRequest): boolean =>
  request.headers.upgrade !== undefined &&
  (request.ws === true || attached(request.raw ?? request) === undefined);

/** A resolver of references, of Apollo Federation, has no arguments of a field: (reference, context, info). */
const lacksArguments = (context: ExecutionContext): boolean => context.getArgs<unknown[]>().length === 3;

/** The WebSocket over which an operation came, as graphql-ws has it, or the plugin of Fastify. */
export function graphqlSocketOf(context: ExecutionContext): object | undefined {
  const given = contextValueOf(context);
  return given?.extra?.socket ?? given?.req?.extra?.socket ?? socketOfPlugin(graphqlHandshakeOf(context));
}

/** Mercurius does not tell its resolvers of the socket, only of the request. */
function socketOfPlugin(request: UpgradeRequest | undefined): object | undefined {
  if (!request?.raw || request.ws !== true) return undefined;
  for (const client of request.server?.websocketServer?.clients ?? [])
    if (client._socket === request.raw.socket) return client;
  return undefined;
}

/** The request that opened the socket over which an operation came. */
export const graphqlHandshakeOf = (context: ExecutionContext): HandlerRequest | undefined =>
  requestsIn(context).find(isUpgrade);

const contextValueOf = (context: ExecutionContext): GraphqlContext | undefined =>
  context.getArgByIndex<GraphqlContext | undefined>(lacksArguments(context) ? 1 : 2) ?? undefined;

const infoOf = (context: ExecutionContext): ResolveInfo | undefined =>
  context.getArgByIndex<ResolveInfo | undefined>(lacksArguments(context) ? 2 : 3);
