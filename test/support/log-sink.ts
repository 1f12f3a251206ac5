import type { INestApplication, LoggerService } from '@nestjs/common';
import { inspect } from 'node:util';
import { disclosure } from './disclosure.js';

/** Collects whatever an application logs through Nest, at every level. */
export class LogSink implements LoggerService {
  readonly lines: string[] = [];

  readonly log = (...parts: unknown[]): void => this.#take('log', parts);
  readonly error = (...parts: unknown[]): void => this.#take('error', parts);
  readonly warn = (...parts: unknown[]): void => this.#take('warn', parts);
  readonly debug = (...parts: unknown[]): void => this.#take('debug', parts);
  readonly verbose = (...parts: unknown[]): void => this.#take('verbose', parts);
  readonly fatal = (...parts: unknown[]): void => this.#take('fatal', parts);

  /** For `Setup.prepare`. */
  readonly attach = (app: INestApplication): void => app.useLogger(this);

  get text(): string {
    return this.lines.join('\n');
  }

  #take(level: string, parts: unknown[]): void {
    const line = `${level}: ${parts.map((part) => (typeof part === 'string' ? part : inspect(part, { depth: 12, showHidden: true }))).join(' ')}`;
    this.lines.push(line);
    disclosure.written('a log', line);
  }
}
