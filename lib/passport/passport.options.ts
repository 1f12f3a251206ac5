import type { IncomingHttpHeaders } from 'node:http';
import type { LoginOptions } from '../core/operations/operations.js';
import {
  checkOptions,
  isBoolean,
  must,
  optional,
  unchecked,
  type OptionChecks,
} from '../core/util/options.js';

/** The request of the framework, at a login. */
export interface PassportRequest {
  /** Of the request, such as `user-agent`. */
  headers: IncomingHttpHeaders;
  /** The path, and the query. */
  url?: string;
  /** What a parser made of the body. */
  body?: unknown;
}

/** What a login by Passport says beyond the user. */
export type PassportLogin = Pick<LoginOptions, 'remember' | 'factor' | 'authenticatedAt'>;

/** What `PassportSessions.forRoot()` takes. */
export interface PassportSessionsOptions {
  /**
   * The subject of a user, from what the serializer gave. It is the id by which `list()` and `revokeAll()` know the
   * user. @default a text is the subject itself, a number is written as one, and of an object its `id` is
   */
  subject?: (serialized: unknown) => string;
  /**
   * The options of `login()`, asked at each login: whether the user is remembered, and by which factor they proved who they
   * are. @default none: `remember` is false, `factor` is 'pwd'
   */
  login?: (request: PassportRequest, serialized: unknown) => PassportLogin;
}

const isFunction = (example: string) =>
  optional(must((value) => typeof value === 'function', `a function, such as ${example}.`));

const OPTIONS: OptionChecks<PassportSessionsOptions> = {
  subject: isFunction('(user) => String(user.id)'),
  login: isFunction("(request) => ({ remember: request.body?.remember === 'on' })"),
};

/** Factor and time are checked with their own errors. */
const LOGIN: OptionChecks<PassportLogin> = {
  remember: optional(isBoolean),
  factor: unchecked,
  authenticatedAt: unchecked,
};

/** @throws SessionError `ERR_OPTIONS` */
export const checkPassportOptions = (options: unknown): void =>
  checkOptions('PassportSessions', options, OPTIONS);

/** @throws SessionError `ERR_OPTIONS` for what the option `login` returned */
export const checkPassportLogin = (given: unknown): void =>
  checkOptions('PassportSessions: login', given, LOGIN);
