import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** A response of Node that leads to no client, for specs of what is done to its headers. */
export function unsentResponse(method = 'GET'): ServerResponse {
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { method, httpVersionMajor: 1, httpVersionMinor: 1 });
  return new ServerResponse(request);
}
