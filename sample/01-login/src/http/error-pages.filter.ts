import { STATUS_CODES } from 'node:http';
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { safeNext } from 'nest-sessions';
import { loginView } from '../auth/login.view.js';
import { Pages } from '../views/pages.js';
import { errorView } from './error.view.js';

/** Errors as pages for people, and as JSON for everybody who does not ask for HTML. */
@Catch()
export class ErrorPages implements ExceptionFilter {
  readonly #pages: Pages;
  readonly #logger = new Logger('ErrorPages');

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const [request, response] = [http.getRequest<Request>(), http.getResponse<Response>()];
    const status = statusOf(error);
    if (status >= 500) this.#logger.error(error);
    if (response.headersSent) return void response.end();
    response.status(status).vary('Accept');
    // A redirect to the re-login page: ReloginGuard has set the Location.
    if (status < 400) return void response.end();
    if (request.accepts(['json', 'html']) === 'html') response.send(this.#page(status, request));
    else response.json(bodyOf(error, status));
  }

  #page(status: number, request: Request): string {
    if (status !== 401) {
      const title = STATUS_CODES[status] ?? 'Error';
      return this.#pages.render({ title, main: errorView(status, title) });
    }
    // The address stays what it was, so a login leads right to where one wanted to go.
    const next = request.method === 'GET' ? safeNext(request.originalUrl) : '/account';
    return this.#pages.render({
      title: 'Log in',
      main: loginView({ next, reason: 'Log in to see this page.' }),
    });
  }
}

function statusOf(error: unknown): number {
  return error instanceof HttpException ? error.getStatus() : 500;
}

/** Of an error that nobody foresaw the client learns nothing. */
function bodyOf(error: unknown, status: number): object {
  const body = error instanceof HttpException ? error.getResponse() : undefined;
  return typeof body === 'object' ? body : { statusCode: status, message: body ?? STATUS_CODES[status] };
}
