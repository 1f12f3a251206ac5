import { Logger } from '@nestjs/common';
import { Complaint } from '../core/util/complaint.js';

const logger = new Logger('nest-sessions');

/** Tells the operator that `deserializeUser()` ends sessions: after a switch that may be all of them. */
export class NobodyFound {
  readonly #complaint: Complaint;
  #last = '';

  constructor(warn: (message: string) => void = (message) => logger.warn(message), now?: () => number) {
    this.#complaint = new Complaint(warn, (count) => describe(this.#last, count), now);
  }

  /** @param serialized what `deserializeUser()` was given. Only its type is logged. */
  note(serialized: unknown): void {
    this.#last = kindOf(serialized);
    this.#complaint.note();
  }
}

const kindOf = (value: unknown): string =>
  typeof value === 'string' ? 'a text' : `a value of type ${typeof value}`;

const describe = (kind: string, count: number): string =>
  `deserializeUser() found no user for ${kind}, so the session ended.${
    count === 1 ? '' : ` It is one of ${count} since the last warning.`
  } If the account is gone, nothing is to be done. If the session came over by "migrate", and serializeUser() gives a number or an object, have map() return the id of the same user as its subject, or data: { passport: { user: old.passport.user } }: see docs/passport.md, "From express-session, keeping users logged in". This is logged at most once a minute.`;

/** What Passport puts on a request: the first from 0.6 on, the second before. */
interface PassportFacts {
  _sessionManager?: unknown;
  _passport?: unknown;
  _userProperty?: string;
  [property: string]: unknown;
}

const isOfPassport = ({ _sessionManager, _passport }: PassportFacts): boolean =>
  (_sessionManager ?? _passport) !== undefined;

/** Passport has looked for the user of the session, and none is there. */
const isUnrestored = (request: PassportFacts): boolean =>
  request[request._userProperty ?? 'user'] === undefined;

/**
 * Whether the login is removed because `deserializeUser()` found no user: `req.logout()`, which removes it as well, sets
 * `req.user` to null before.
 */
export function foundNobody(request: object): boolean {
  const { raw = request } = request as { raw?: object };
  const both = [request, raw] as PassportFacts[];
  return both.some(isOfPassport) && both.every(isUnrestored);
}
