import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { headersAt, pairsOf, type Headers } from '../response/response-calls.js';
import { TARGETED_CACHE_HEADERS } from './targeted-cache-headers.js';

/** The headers of a response before they are sent. */
export type HeadHeaders = Pick<ServerResponse, 'getHeader' | 'setHeader'>;

/** Headers that the library extends: values given to `writeHead` must be merged with its own, not replace them. */
const SHARED = new Set([
  'set-cookie',
  'cache-control',
  'vary',
  'clear-site-data',
  ...TARGETED_CACHE_HEADERS.keys(),
]);
const LENGTHS = new Set([...SHARED].map((name) => name.length));

/** Compares lengths first, which for most names avoids the conversion to lower case. */
const isShared = (name: string): boolean => LENGTHS.has(name.length) && SHARED.has(name.toLowerCase());

/**
 * The headers to extend before `writeHead` is called with these arguments. Shared headers that the arguments give are
 * moved to the response. If nothing is set on the response, the headers are added to a copy of the given object
 * instead: for a response with headers of its own, Node would validate and store each given header once more.
 */
export function headersOfHead(response: ServerResponse, args: unknown[]): HeadHeaders {
  const at = headersAt(args);
  if (at === undefined) return response;
  const headers = args[at] as Headers;
  if (Array.isArray(headers)) {
    takeAll(response, headers);
    args.length = at;
    return response;
  }
  if (response.getHeaderNames().length === 0) {
    const given = new GivenHeaders(headers);
    args[at] = given.headers;
    return given;
  }
  takeShared(response, headers, args, at);
  return response;
}

/** Headers in an object, which `writeHead` receives. */
export class GivenHeaders implements HeadHeaders {
  readonly headers: OutgoingHttpHeaders;
  readonly #given: OutgoingHttpHeaders;

  constructor(given: OutgoingHttpHeaders) {
    this.headers = { ...given };
    this.#given = given;
  }

  getHeader(name: string): OutgoingHttpHeader | undefined {
    return this.headers[this.#keyOf(name)];
  }

  setHeader(name: string, value: OutgoingHttpHeader | readonly string[]): never {
    this.headers[this.#keyOf(name)] = value as OutgoingHttpHeader;
    return this as never;
  }

  /** Sets what was added on the response, for the case that `writeHead` failed. */
  moveTo(response: ServerResponse): void {
    for (const [name, value] of Object.entries(this.headers))
      if (isShared(name) || value !== this.#given[name]) response.setHeader(name, value!);
  }

  /** The given spelling of a name. */
  #keyOf(name: string): string {
    if (Object.hasOwn(this.headers, name)) return name;
    for (const key in this.headers)
      if (key.length === name.length && key.toLowerCase() === name.toLowerCase()) return key;
    return name;
  }
}

function takeShared(
  response: ServerResponse,
  headers: OutgoingHttpHeaders,
  args: unknown[],
  at: number,
): void {
  const taken = Object.keys(headers).filter(isShared);
  if (taken.length === 0) return;
  const rest = { ...headers };
  // As in Node, headers in an object replace headers that are already set.
  for (const name of taken) response.removeHeader(name);
  for (const name of taken) {
    response.appendHeader(name, asText(headers[name]!));
    delete rest[name];
  }
  args[at] = rest;
}

/** A list may repeat a header. Node keeps repeated headers only if none was set before, so all of them are set here. */
function takeAll(response: ServerResponse, list: Headers): void {
  // Leaves out empty names, which Node accepts in some cases.
  const pairs = pairsOf(list).filter(([name]) => name);
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, asText(value));
}

/** A copy of a list, because `appendHeader` of Node extends the list that was set. */
const asText = (value: OutgoingHttpHeader): string | string[] =>
  Array.isArray(value) ? [...value] : String(value);

/**
 * Adds a `Set-Cookie` header. Unlike `appendHeader`, it does not extend a list that the application has set: an
 * application may set the same list on many responses, and they would all get this cookie.
 */
export function addCookie(head: HeadHeaders, cookie: string): void {
  const present = head.getHeader('Set-Cookie');
  head.setHeader('Set-Cookie', present === undefined ? cookie : [present, cookie].flat().map(String));
}
