import {
  ServerResponse,
  validateHeaderName,
  validateHeaderValue,
  type IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
} from 'node:http';
import { Writable } from 'node:stream';

/** The methods that send a response or a part of it. */
export type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders';

export type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];
export type Callback = (...args: unknown[]) => unknown;

type HeadArguments = Parameters<ServerResponse['writeHead']>;

/** Over HTTP/2 the response has another class, which follows other rules. */
export const isHttp1 = (response: ServerResponse): boolean => response instanceof ServerResponse;

/** Whether the connection of the response is gone. */
export function isGone(response: ServerResponse): boolean {
  return isHttp1(response)
    ? response.destroyed
    : (response as unknown as { stream: Writable }).stream.destroyed;
}

/** The index of the headers in the arguments of a `writeHead` call. */
export function headersAt(args: readonly unknown[]): number | undefined {
  const at = args[2] === undefined || args[2] === null ? 1 : 2;
  return typeof args[at] === 'object' && args[at] !== null ? at : undefined;
}

/** The callback of a `write` or `end` call. */
export function callbackOf(args: readonly unknown[]): Callback | undefined {
  return args.find((arg) => typeof arg === 'function') as Callback | undefined;
}

/**
 * Whether the first call of a response is valid. A cheap check accepts the common cases; for the others
 * Node itself writes the head to a response without a socket.
 *
 * @returns false if Node would throw because of the head: the caller passes the call on so that Node throws
 * @throws Node's error for an invalid chunk or encoding
 */
export function admits(response: ServerResponse, method: Method, args: readonly unknown[]): boolean {
  if (method === 'write' || method === 'end') assertBody(response, method, args);
  const isHead = method === 'writeHead';
  const status = isHead ? args[0] : response.statusCode;
  const at = isHead ? headersAt(args) : undefined;
  const headers = at === undefined ? undefined : (args[at] as Headers);
  if (!isHttp1(response)) return !(isHead && hasNull(args)) && !isRefusedOverHttp2(response, status, headers);
  return (
    isPlain(response, status, isHead ? args[1] : undefined, headers) ||
    rehearse(response, isHead ? args : [status])
  );
}

/** @throws Node's error for an invalid chunk or encoding, before anything is written */
export function assertBody(
  response: ServerResponse,
  method: 'write' | 'end',
  args: readonly unknown[],
): void {
  const [chunk, encoding] = args;
  if (method === 'end' && !hasChunk(response, chunk)) return;
  if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) assertChunk(response, chunk);
  if (encoding !== undefined && encoding !== null && encoding !== 'utf8') assertEncoding(response, encoding);
}

/** Whether `end` writes its first argument: over HTTP/1 any truthy value. */
export function hasChunk(response: ServerResponse, chunk: unknown): boolean {
  if (chunk === undefined || chunk === null || typeof chunk === 'function') return false;
  return Boolean(chunk) || !isHttp1(response);
}

/** Whether a second `end` is an error. Over HTTP/2 it never is. */
export function writesAfterEnd(response: ServerResponse, args: readonly unknown[]): boolean {
  return isHttp1(response) && hasChunk(response, args[0]);
}

function assertChunk(response: ServerResponse, chunk: unknown): void {
  if (isHttp1(response)) nowhere(response).write(chunk);
  else sink().write(chunk);
}

/** Needed because Node reports an unknown encoding only from the socket, and never for a response without a body. */
function assertEncoding(response: ServerResponse, encoding: unknown): void {
  if (typeof encoding === 'function' || response.req.method === 'HEAD') return;
  sink().write('', encoding as BufferEncoding);
}

const sink = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

/** Whether Node certainly accepts this head. False means that it is unknown. */
function isPlain(
  response: ServerResponse,
  status: unknown,
  message: unknown,
  headers: Headers | undefined,
): boolean {
  if (typeof status !== 'number' || !(status >= 100 && status < 1000)) return false;
  if (typeof message === 'string' || response.statusMessage) return false;
  // Node accepts a trailer only with a chunked response, which depends on all other headers.
  if (response.hasHeader('trailer')) return false;
  return headers === undefined || (!Array.isArray(headers) && Object.keys(headers).every(isValid, headers));
}

function isValid(this: OutgoingHttpHeaders, name: string): boolean {
  const value = this[name];
  if (name.length === 7 && name.toLowerCase() === 'trailer') return false;
  try {
    validateHeaderName(name);
    if (Array.isArray(value)) for (const one of value) validateHeaderValue(name, one);
    // Node accepts arrays and other values that convert to text as well; only these two types are certain.
    else if (typeof value === 'string' || typeof value === 'number')
      validateHeaderValue(name, value as string);
    else return false;
    return true;
  } catch {
    return false;
  }
}

/** Whether Node accepts the head: writes it to a copy of the response. */
function rehearse(response: ServerResponse, args: readonly unknown[]): boolean {
  try {
    nowhere(response).writeHead(...(copyHead(args) as HeadArguments));
    return true;
  } catch {
    return false;
  }
}

/** A copy of the response in the same state, without a socket. */
function nowhere(response: ServerResponse): ServerResponse {
  const { method, httpVersionMajor, httpVersionMinor } = response.req;
  const copy = new ServerResponse({
    method,
    httpVersionMajor,
    httpVersionMinor,
    headers: {},
  } as IncomingMessage);
  for (const name of rawNames(response)) copy.setHeader(name, response.getHeader(name)!);
  // Includes Node's internal flags, which an earlier rejected head may have changed (for example that there is no body).
  for (const [name, value] of Object.entries(response))
    if (typeof value === 'boolean' || typeof value === 'number') Reflect.set(copy, name, value);
  copy.statusMessage = response.statusMessage;
  return copy;
}

/** Header names in their original case. Node's types declare the method only for requests. */
const rawNames = (response: ServerResponse): string[] =>
  (response as unknown as { getRawHeaderNames(): string[] }).getRawHeaderNames();

/** Copies the arguments of a `writeHead` call. Node would write the head at once, so later changes have no effect. */
export function copyHead(args: readonly unknown[]): unknown[] {
  return args.map((arg) => {
    if (Array.isArray(arg))
      return arg.map((one: unknown) => (Array.isArray(one) ? [...(one as unknown[])] : one));
    if (typeof arg !== 'object' || arg === null) return arg;
    return Object.fromEntries(
      Object.entries(arg).map(([name, value]) => [
        name,
        Array.isArray(value) ? [...(value as unknown[])] : value,
      ]),
    );
  });
}

/** RFC 9113 §8.2.2. */
const OF_THE_CONNECTION = new Set([
  'connection',
  'upgrade',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
]);

/** RFC 9110 §5.6.2, in lower case. Does not match pseudo-headers. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Response headers that Node accepts only once. */
const SINGLE = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'age',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'retry-after',
  'tk',
  'x-content-type-options',
]);

/** Over HTTP/2 Node takes null for headers, and fails to read them. */
const hasNull = (args: readonly unknown[]): boolean => (args[2] === undefined ? args[1] : args[2]) === null;

function isRefusedOverHttp2(
  response: ServerResponse,
  status: unknown,
  headers: Headers | undefined,
): boolean {
  const code = Number(status) | 0;
  if (code !== 0 && (code < 200 || code > 599)) return true;
  const given = pairsOf(headers ?? {});
  if (given.some(isNoHeader)) return true;
  return [...mergedOverHttp2(response, given, Array.isArray(headers))].some(isRefusedHeader);
}

/** Also the last name of a list whose value is missing. */
const isNoHeader = ([name, value]: readonly [unknown, unknown]): boolean =>
  typeof name !== 'string' || value === undefined || value === null;

/** As Node merges them: a given header replaces that of the response, and a list may name a header several times. */
function mergedOverHttp2(
  response: ServerResponse,
  given: readonly (readonly [string, unknown])[],
  isList: boolean,
): Map<string, unknown> {
  const merged = new Map<string, unknown>();
  for (const [header, one] of given) {
    const name = header.trim().toLowerCase();
    // Node drops this header with a warning, unless it has this value. By then a list has removed that of the response; an object has not.
    const isDropped = name === 'connection' && one !== 'trailers';
    if (isDropped && !isList) continue;
    const value = isDropped ? [] : one;
    const before = isList && merged.get(name);
    merged.set(name, before ? [before, value].flat() : value);
  }
  for (const [name, value] of Object.entries(response.getHeaders()))
    // After a refused head Node leaves `:status` among the headers of the response.
    if (!name.startsWith(':') && !merged.has(name)) merged.set(name, value);
  return merged;
}

function isRefusedHeader([name, value]: readonly [string, unknown]): boolean {
  if (!TOKEN.test(name)) return true;
  const values: unknown[] = Array.isArray(value) ? value : [value];
  // Node leaves a header without values out.
  if (values.length === 0) return false;
  if (OF_THE_CONNECTION.has(name)) return true;
  if (values.length > 1) return name === 'te' || SINGLE.has(name);
  return name === 'te' && values[0] !== 'trailers';
}

/** Headers may be an object, pairs, or a flat list of names and values (which CVE-2025-7339 lost). */
export function pairsOf(headers: Headers): (readonly [string, OutgoingHttpHeader])[] {
  if (!Array.isArray(headers)) return Object.entries(headers) as [string, OutgoingHttpHeader][];
  const flat = Array.isArray(headers[0]) ? (headers as unknown as OutgoingHttpHeader[][]).flat() : headers;
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name as string, flat[i + 1]!] as const] : []));
}

/** The error for a head or a header that is set after the head was sent. */
export function headSent(response: ServerResponse, verb: 'write' | 'set' | 'append' | 'remove'): Error {
  if (!isHttp1(response)) return coded('ERR_HTTP2_HEADERS_SENT', 'Response has already been initiated.');
  return coded('ERR_HTTP_HEADERS_SENT', `Cannot ${verb} headers after they are sent to the client`);
}

export const writeAfterEnd = (): Error => coded('ERR_STREAM_WRITE_AFTER_END', 'write after end');

export const writeAfterDestroy = (): Error =>
  coded('ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed');

const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });
