import type { IncomingMessage } from 'node:http';
import { types } from 'node:util';
import type { MigratedLogin } from '../core/migration/source.js';
import {
  checkOptions,
  hasMethods,
  isBoolean,
  isNested,
  isText,
  must,
  optional,
  type OptionCheck,
  type OptionChecks,
} from '../core/util/options.js';

/** What all sources of old sessions take. */
export interface MigrationOptions {
  /**
   * Whether the old session goes on beside the new one, for nodes that still run the other library. Then a logout here ends
   * both, and one there ends both where the library keeps its sessions in a store. Without it the old session is retired
   * as soon as it came over.
   * @default false
   */
  keepOld?: boolean;
  /** From when on no old session comes over any more: a date, or milliseconds since the epoch. @default none */
  until?: Date | number;
  /** Whether the old session of a request may come over. @default of every request */
  when?: (request: IncomingMessage) => boolean;
  /** Path and domain of the old cookie, so that it can be taken away. @default { path: '/' } */
  cookie?: OldCookie;
}

/** With which path and domain the other library sets its cookie. */
export interface OldCookie {
  /** Of the old cookie. @default '/' */
  path?: string;
  /** Of the old cookie. @default none: this host alone */
  domain?: string;
}

/** Maps an old session by an allow-list: nothing comes over but what is returned. `undefined` leaves the session alone. */
export type MapOld<Old> = (old: Old) => MigratedLogin | undefined;

export const isFunction = must((value) => typeof value === 'function', 'give a function.');

const isTime = must(
  (value) =>
    (types.isDate(value) && !Number.isNaN(value.getTime())) ||
    (typeof value === 'number' && Number.isFinite(value)),
  'a valid Date, or milliseconds since the epoch.',
);

export const isConnectStore = must(
  (value) => hasMethods(value, 'get', 'set', 'destroy'),
  'the store of the other library, with get(), set() and destroy().',
);

const COOKIE: OptionChecks<OldCookie> = { path: optional(isText), domain: optional(isText) };

export const COMMON: OptionChecks<MigrationOptions> = {
  keepOld: optional(isBoolean),
  until: optional(isTime),
  when: optional(isFunction),
  cookie: optional(isNested(COOKIE)),
};

export const isMap: OptionCheck = must(
  (value) => typeof value === 'function',
  'a function of the old session that returns { subject, data?, loggedInAt? }, or undefined.',
);

/** A text or octets, or a list of them. */
export const isKeys = (least: number): OptionCheck =>
  must((value) => {
    const list: unknown[] = Array.isArray(value) ? value : [value];
    return list.length > 0 && list.every((one) => isKey(one) && one.length >= least);
  }, `what the other library has: a text of at least ${least} characters, or a list of them, of which the first signs.`);

const isKey = (value: unknown): value is string | Uint8Array =>
  typeof value === 'string' || value instanceof Uint8Array;

export const checked = <Options extends object>(
  owner: string,
  options: Options,
  checks: OptionChecks<Options>,
): void => checkOptions(owner, options, checks);
