import { STATUS_CODES, validateHeaderValue, type IncomingHttpHeaders } from 'node:http';
import { Logger } from '@nestjs/common';
import { traceOf } from '../../core/events/events.js';
import { wantsHtml, type FrameworkRequest } from '../../http/request-facts.js';
import { asHttp, SessionHttpException, type SessionHttpCode } from './session.exceptions.js';

/** A response that the library gives itself, since the session of the request could not be stored as it left. */
export interface SessionFailure {
  /** 503 where the store failed, 401 or 409 where the session was ended or is in use elsewhere, otherwise 500. */
  status: number;
  /** What a client may know: with 500 nothing. */
  code: SessionHttpCode | undefined;
  /** A sentence for the client. */
  message: string;
  /** Of the request: `accept`, `accept-language` and the like. */
  headers: IncomingHttpHeaders;
}

export interface FailureContent {
  contentType: string;
  body: string;
}

export type RenderFailure = (failure: SessionFailure) => FailureContent;

const logger = new Logger('nest-sessions');

/** What is answered where no exception filter can answer any more. */
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
      logger.error('The option "renderFailure" failed, so the default was answered.', traceOf(error));
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

/** None of its texts comes from a request. */
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

/** A promise, say, would come too late. */
function checked(content: FailureContent): FailureContent {
  if (typeof content.body !== 'string') throw new TypeError('The body is no text.');
  validateHeaderValue('Content-Type', content.contentType);
  return { contentType: content.contentType, body: content.body };
}
