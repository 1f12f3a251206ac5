import { STATUS_CODES, validateHeaderValue, type IncomingHttpHeaders } from 'node:http';
import { Logger } from '@nestjs/common';
import { traceOf } from '../../core/events/events.js';
import { wantsHtml, type FrameworkRequest } from '../../http/request-facts.js';
import { ignoreRejection } from '../options/shapes/option-functions.js';
import { asHttp, SessionHttpException, type SessionHttpCode } from './session.exceptions.js';

/** Describes the response that the library sends instead of the application's, since it could not store the session. */
export interface SessionFailure {
  /** 503 if the store failed, 401 if the session has ended, 409 on a conflict, otherwise 500. */
  status: number;
  /** Error code for the client; `undefined` with 500. */
  code: SessionHttpCode | undefined;
  /** Text for the client: one or two sentences. */
  message: string;
  /** Headers of the request, such as `accept` and `accept-language`. */
  headers: IncomingHttpHeaders;
}

/** The response that `renderFailure` returns. Its status is that of the failure. */
export interface FailureContent {
  /** The header `Content-Type`, such as `text/html; charset=utf-8`. */
  contentType: string;
  /** The body, sent as UTF-8. */
  body: string;
}

/** The option `renderFailure`. It returns at once; if it throws, the default response is sent and the error is logged. */
export type RenderFailure = (failure: SessionFailure) => FailureContent;

const logger = new Logger('nest-sessions');

/** Builds the response for an error that occurs too late for exception filters. */
export class FailureResponse {
  readonly #render: RenderFailure | undefined;

  constructor(render: RenderFailure | undefined) {
    this.#render = render;
  }

  of(error: unknown, request: FrameworkRequest): FailureContent & { status: number } {
    const answer = answerOf(error);
    const { statusCode: status, code, message } = answer;
    const given = this.#given({ status, code, message, headers: request.headers });
    return { status, ...(given ?? (wantsHtml(request) ? page(answer) : json(answer))) };
  }

  #given(failure: SessionFailure): FailureContent | undefined {
    try {
      return this.#render && checked(this.#render(failure));
    } catch (error) {
      logger.error('The option "renderFailure" failed, so the default response was sent.', traceOf(error));
      return undefined;
    }
  }
}

interface Answer {
  statusCode: number;
  message: string;
  code?: SessionHttpCode;
}

function answerOf(error: unknown): Answer {
  const mapped = asHttp(error);
  return mapped instanceof SessionHttpException
    ? (mapped.getResponse() as Answer)
    : { statusCode: 500, message: 'Internal server error' };
}

function json(answer: Answer): FailureContent {
  return { contentType: 'application/json; charset=utf-8', body: JSON.stringify(answer) };
}

/** Needs no escaping: none of its texts comes from a request. */
function page({ statusCode, message }: Answer): FailureContent {
  const title = STATUS_CODES[statusCode]!;
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<h1>${title}</h1>
<p>${message}</p>
</html>
`;
  return { contentType: 'text/html; charset=utf-8', body };
}

/** Rejects a body that is not a string, such as a promise, which would settle too late. */
function checked(content: Partial<FailureContent> | null | undefined): FailureContent {
  if (typeof content?.body !== 'string') {
    ignoreRejection(content);
    ignoreRejection(content?.body);
    throw new TypeError('It must return { contentType, body }, and the body must be a string.');
  }
  validateHeaderValue('Content-Type', content.contentType!);
  return { contentType: content.contentType!, body: content.body };
}
