import type { ServerResponse } from 'node:http';
import { isUnsafe } from '../../http/csrf.js';
import { attached } from '../request/current-session.js';
import { routeRemedy } from './route-remedy.js';
import type { HandlerRequest, TransportAdapter } from './transport-adapter.js';

// `switchToHttp()` would create three functions at each of several calls per request.
export const httpAdapter: TransportAdapter = {
  requestOf: (context) => context.getArgByIndex<HandlerRequest>(0),

  sessionOf(context) {
    const request = context.getArgByIndex<HandlerRequest>(0);
    return attached(request.raw ?? request);
  },

  responseOf(context) {
    const response = context.getArgByIndex<ServerResponse & { raw?: ServerResponse }>(1);
    return response.raw ?? response;
  },

  socketOf: () => undefined,

  changesState: (_, request) => isUnsafe(request?.method),

  isEntry: () => true,

  withoutSession: () => 'anonymous',

  remedy: (context) => routeRemedy(context.getArgByIndex<HandlerRequest>(0)),

  thrown: (_, error) => error,
};
