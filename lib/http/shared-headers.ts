import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import { headersAt, pairsOf, type Headers } from './response-calls.js';

/** Headers that the library extends: values given to `writeHead` must be merged with its own, not replace them. */
const SHARED = new Set(['set-cookie', 'cache-control', 'vary']);
const LENGTHS = new Set([...SHARED].map((name) => name.length));

/** Compares lengths first, which for most names avoids the conversion to lower case. */
const isShared = (name: string): boolean => LENGTHS.has(name.length) && SHARED.has(name.toLowerCase());

/** Moves the shared headers out of the arguments of a `writeHead` call into the response. */
export function takeShared(response: ServerResponse, args: unknown[]): void {
  const at = headersAt(args);
  if (at === undefined) return;
  const headers = args[at] as Headers;
  if (Array.isArray(headers)) {
    takeAll(response, headers);
    args.length = at;
    return;
  }
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

const asText = (value: OutgoingHttpHeader): string | readonly string[] =>
  typeof value === 'number' ? String(value) : value;
