import type { ServerResponse } from 'node:http';
import type { Callback, Method } from './response-calls.js';

/** Receives the calls of the patched methods, with unchanged arguments. */
export interface Patch {
  writeHead(args: unknown[]): void;
  write(args: unknown[]): boolean;
  end(args: unknown[]): void;
  flushHeaders(): void;
}

const PATCH = Symbol('patch');

interface PatchedResponse extends ServerResponse {
  [PATCH]: Patch;
}

/** Replaces the methods by functions that all responses share, which saves the closures for each response. */
export function patchMethods(response: ServerResponse, patch: Patch): void {
  (response as PatchedResponse)[PATCH] = patch;
  response.writeHead = writeHead;
  response.write = write as typeof response.write;
  response.end = end as typeof response.end;
  response.flushHeaders = flushHeaders;
}

/** The patched method. Compare with it to detect that other code has replaced the method since. */
export function writeHead(this: ServerResponse, ...args: unknown[]): never {
  (this as PatchedResponse)[PATCH].writeHead(args);
  return this as never;
}

function write(this: PatchedResponse, ...args: unknown[]): boolean {
  return this[PATCH].write(args);
}

function end(this: PatchedResponse, ...args: unknown[]): ServerResponse {
  this[PATCH].end(args);
  return this;
}

function flushHeaders(this: ServerResponse): void {
  (this as PatchedResponse)[PATCH].flushHeaders();
}

/** Adds the properties that {@link patchMethods} sets later, without changing what the response does. */
export function preallocate(response: ServerResponse): void {
  (response as { [PATCH]?: Patch })[PATCH] = undefined;
  response.writeHead = INHERITED.writeHead;
  response.write = INHERITED.write;
  response.end = INHERITED.end;
  response.flushHeaders = INHERITED.flushHeaders;
}

/** A method that calls the prototype's method, looked up at the time of the call. */
const inherited = (method: Method): never =>
  function (this: ServerResponse, ...args: unknown[]): unknown {
    const prototype = Object.getPrototypeOf(this) as Record<Method, Callback>;
    return prototype[method].apply(this, args);
  } as never;

const INHERITED = {
  writeHead: inherited('writeHead'),
  write: inherited('write'),
  end: inherited('end'),
  flushHeaders: inherited('flushHeaders'),
};
