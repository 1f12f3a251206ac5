import type { OriginalResponse } from './response/original-response.js';
import { isHttp1 } from './response/response-calls.js';
import { TARGETED_CACHE_HEADERS } from './headers/targeted-cache-headers.js';

/** Headers that describe the body of the replaced response. Its length and type are replaced. */
const OF_THE_BODY = [
  'content-encoding',
  'content-range',
  'content-disposition',
  'transfer-encoding',
  'trailer',
  'etag',
  'last-modified',
  'cache-control',
  ...TARGETED_CACHE_HEADERS.keys(),
  'expires',
  'location',
  'accept-ranges',
];

const JSON_TYPE = 'application/json; charset=utf-8';

/** Sends the listener's response for an error, or a plain 500 if that fails as well. Never throws. */
export function sendFailure(original: OriginalResponse, error: unknown): void {
  try {
    sendFailureOfListener(original, error);
  } catch (second) {
    sendPlainFailure(original, second);
  }
}

function sendFailureOfListener(original: OriginalResponse, error: unknown): void {
  const { response, listener } = original;
  const { status, body, contentType } = listener.answerFailure(error);
  // After the removal of a header, even of one that is not set, Node adds neither a length nor chunked encoding.
  for (const name of OF_THE_BODY) if (response.hasHeader(name)) response.removeHeader(name);
  if (original.headDone) response.setHeader('Cache-Control', 'no-store');
  else listener.onHead(response);
  send(original, status, body, contentType);
}

function sendPlainFailure(original: OriginalResponse, error: unknown): void {
  const { response, listener } = original;
  if (response.headersSent) return original.cutOff(error);
  try {
    listener.onLost(error);
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.setHeader('Cache-Control', 'no-store');
    send(original, 500, '{"statusCode":500,"message":"Internal server error"}');
  } catch (third) {
    original.cutOff(third);
  }
}

function send(original: OriginalResponse, status: number, body: string, contentType = JSON_TYPE): void {
  const { response } = original;
  if (isHttp1(response)) response.statusMessage = '';
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  original.headDone = true;
  original.writeHead.call(response, status);
  original.call('end', [body]);
}
