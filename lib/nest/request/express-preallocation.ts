import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpAdapterHost } from '@nestjs/core';
import { preallocate } from '../../http/response/response-hook.js';
import { attach } from './current-session.js';

/** V8 before 13: on Node 20 and 22. Delete this file, and `preallocate` in http/, once `engines` begins at Node 24. */
const NEEDED = Number(process.versions.node.split('.')[0]) < 24;

/**
 * Express changes the prototype of each request and response. After that, V8 before version 13 creates a separate
 * hidden class for every object that gets a new property, which for our six properties costs a fifth of an anonymous
 * request. So they are added before Express receives the request, and get their values later.
 */
export function preallocateExpress({ httpAdapter }: HttpAdapterHost): void {
  if (!NEEDED || httpAdapter?.getType() !== 'express') return;
  (httpAdapter.getHttpServer() as EventEmitter).prependListener('request', prepare);
}

function prepare(request: IncomingMessage, response: ServerResponse): void {
  attach(request, undefined);
  preallocate(response);
}
