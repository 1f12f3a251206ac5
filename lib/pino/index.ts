import type { IncomingMessage } from 'node:http';
import { checkOptions, isBoolean, isListOfTexts, optional } from '../core/util/options.js';
import { headersWithout } from './headers.js';
import { sessionFacts, type SessionFacts } from './session-facts.js';

export type { SessionFacts } from './session-facts.js';

/** What {@link sessionSerializers} takes. */
export interface SessionSerializersOptions {
  /** Names of further headers that are left out of logs, in any case, such as `['x-api-key']`. @default none */
  omit?: readonly string[];
  /** Whether the id of the user, as `login()` was given it, is logged with the session. @default false: it is personal data */
  subject?: boolean;
}

/** A request as a log has it. */
export interface LoggedRequest {
  /** Without those that let somebody in. */
  headers?: Record<string, unknown>;
  /** The session, as it is when the line is written. Absent for a visitor without one, and before it is opened. */
  session?: SessionFacts;
  /** What the logger has beside these: `id`, `method`, `url` and more. */
  [property: string]: unknown;
}

/** A response as a log has it. */
export interface LoggedResponse {
  /** Of the response. */
  statusCode?: number;
  /** Without `Set-Cookie` and others that let somebody in. */
  headers?: Record<string, unknown>;
  /** As of the request. After a login it is the new one. */
  session?: SessionFacts;
  /** What the logger has beside these. */
  [property: string]: unknown;
}

/** The option `serializers` of pino, pino-http, nestjs-pino (`pinoHttp: { serializers }`) and the logger of Fastify. */
export type SessionSerializers = {
  /** Takes a request, or what the serializer of pino-http has made of it. */
  req: (request: unknown) => LoggedRequest;
  /** Takes a response, or what the serializer of pino-http has made of it. */
  res: (response: unknown) => LoggedResponse;
};

/** Of a request, a response or a reply, or what a serializer has made of one: behind it `raw` is Node's own. */
type Described = Record<string, unknown> & { raw?: unknown };

/**
 * Serializers that leave out of logs what would let a reader in: `Cookie`, `Set-Cookie`, `Authorization` and others; and that
 * name the session by its public id, which opens nothing and stays the same when the cookie is renewed.
 *
 * @throws SessionError `ERR_OPTIONS`
 * @example LoggerModule.forRoot({ pinoHttp: { serializers: sessionSerializers() } })
 */
export function sessionSerializers(options: SessionSerializersOptions = {}): SessionSerializers {
  checkOptions('sessionSerializers()', options, {
    omit: optional(isListOfTexts),
    subject: optional(isBoolean),
  });
  const { omit = [], subject = false } = options;
  const omitted = new Set(omit.map((name) => name.toLowerCase()));
  const finish = (
    described: Record<string, unknown>,
    headers: unknown,
    request: unknown,
  ): Record<string, unknown> => {
    const session = sessionFacts(request as IncomingMessage | undefined, subject);
    return {
      ...described,
      ...(isObject(headers) && { headers: headersWithout(headers, omitted) }),
      ...(session && { session }),
    };
  };
  return {
    req: (request) => {
      if (!isObject(request)) return {};
      return finish(ofRequest(request), request['headers'], request.raw ?? request);
    },
    res: (response) => {
      if (!isObject(response)) return {};
      const raw = (response.raw ?? response) as { req?: unknown };
      const headers =
        typeof response['getHeaders'] === 'function' ? callGetHeaders(response) : response['headers'];
      return finish(ofResponse(response), headers, raw.req);
    },
  };
}

/** What pino logs of a request; one that has been serialised has its properties already, and no socket. */
function ofRequest(request: Described): Record<string, unknown> {
  if (!('socket' in request)) return { ...request };
  const { id, method, originalUrl, url } = request;
  const socket = request['socket'] as { remoteAddress?: unknown; remotePort?: unknown } | null | undefined;
  return {
    id: typeof id === 'function' ? undefined : id,
    method,
    url: originalUrl ?? url,
    remoteAddress: socket?.remoteAddress,
    remotePort: socket?.remotePort,
  };
}

function ofResponse(response: Described): Record<string, unknown> {
  if (typeof response['getHeaders'] !== 'function') return { ...response };
  return { statusCode: response['statusCode'] };
}

const callGetHeaders = (response: Described): unknown =>
  (response['getHeaders'] as () => unknown).call(response);

const isObject = (value: unknown): value is Described => typeof value === 'object' && value !== null;
