import { Injectable, type MiddlewareConsumer, type NestMiddleware, type Type } from '@nestjs/common';
import type { ExcludedRoute } from '../options/session.options.js';

/**
 * Asks Nest whether an entry of the option `exclude` matches a request. Nest alone knows what it makes of the global
 * prefix and of versions, so a middleware of ours is excluded by that entry, and called to see whether it would run.
 */
export class ExcludeProbe {
  readonly entry: ExcludedRoute;
  readonly #middleware: NestMiddleware[] = [];

  constructor(entry: ExcludedRoute, consumer: MiddlewareConsumer) {
    this.entry = entry;
    const made = (middleware: NestMiddleware): void => void this.#middleware.push(middleware);
    for (const form of formsOf(entry)) consumer.apply(middlewareThatReports(made)).exclude(form).forRoutes();
  }

  /** False as well where Nest has not made the middleware. */
  matches(method: string, path: string): boolean {
    let excluded = false;
    const request = { method: method === 'ALL' ? 'GET' : method, url: path, originalUrl: path, headers: {} };
    for (const middleware of this.#middleware) middleware.use(request, {}, () => (excluded = true));
    return excluded;
  }
}

/**
 * With a version also the entry without it: a version in a header or a media type is no part of the path, so a path
 * cannot show whether Nest would find it. Not where the version is in the path as well, which is once too often.
 */
function formsOf(entry: ExcludedRoute): ExcludedRoute[] {
  if (typeof entry === 'string' || entry.version === undefined) return [entry];
  const { path, method, version } = entry;
  const written = [version].flat().filter((one) => typeof one === 'string');
  const isWritten = path.split('/').some((piece) => written.some((one) => piece.endsWith(one)));
  return isWritten ? [entry] : [entry, { path, method }];
}

/** A middleware that does nothing where it runs: it does not even call `next`. */
function middlewareThatReports(made: (middleware: NestMiddleware) => void): Type<NestMiddleware> {
  @Injectable()
  class ExcludeProbeMiddleware implements NestMiddleware {
    constructor() {
      made(this);
    }

    use(): void {
      // What is excluded does not come here.
    }
  }
  return ExcludeProbeMiddleware;
}
