import { types } from 'node:util';
import type { MigratedLogin } from '../migration/source.js';
import { assertDataObject } from '../model/data-checks.js';
import { jsonText } from '../model/data-json.js';
import { UNKNOWN_TIME } from '../model/policy.js';
import type { Device, SessionRecord } from '../model/record.js';
import { assertFactorIfNamed, assertSubject } from '../model/subject.js';
import type { EngineContext } from '../request/engine-context.js';
import { SessionError } from '../util/errors.js';
import { byKey } from '../util/texts.js';

/** What a session that comes over begins with. */
export interface MigratedDraft {
  draft: SessionRecord;
  /** When the subject authenticated, for revocations: absent without one. */
  provedAt: number | undefined;
}

/** Texts that come of a value which was not there. As a subject each would be one account of many users. */
const NOBODY: ReadonlySet<string> = new Set(['undefined', 'null', 'NaN', '[object Object]']);

/**
 * @param now milliseconds since the epoch
 * @throws SessionError for what `map` must not return: it names the field
 */
export function migratedDraft(
  context: EngineContext,
  login: MigratedLogin,
  now: number,
  device: Device,
): MigratedDraft {
  assertLogin(login);
  const data = textsOf(login.data);
  const { subject, remember = false } = login;
  if (subject === null) return { draft: context.draft(now, { data }), provedAt: undefined };
  assertSubject(subject);
  if (NOBODY.has(subject))
    throw wrong(
      `subject: the text '${subject}' is no user. ${
        subject === '[object Object]'
          ? 'An object was made a text: use its id, as in String(old.passport.user.id).'
          : 'Return undefined where nobody is logged in.'
      }`,
    );
  assertFactorIfNamed(login);
  const { factor = 'pwd' } = login;
  const known = timeOf(login.loggedInAt, now);
  const provedAt = known ?? UNKNOWN_TIME;
  const draft = context.draft(now, {
    subject,
    factors: { [factor]: provedAt },
    remember,
    device,
    data,
    ...(known !== undefined && { createdAt: known, startedAt: known }),
  });
  return { draft, provedAt };
}

/** @throws SessionError for what is no object, such as the promise of an `async` function */
export function assertLogin(given: unknown): void {
  if (types.isPromise(given)) {
    // Its own error would end the process.
    given.catch(() => undefined);
    throw wrong('a promise: it has to return { subject } or undefined at once.');
  }
  if (typeof given !== 'object')
    throw wrong(`a value of type ${typeof given}: return { subject } or undefined.`);
}

/** A time in the future proves nothing, so it counts as unknown. */
function timeOf(loggedInAt: unknown, now: number): number | undefined {
  if (loggedInAt === undefined) return undefined;
  const time = types.isDate(loggedInAt) ? loggedInAt.getTime() : loggedInAt;
  if (typeof time !== 'number' || !Number.isFinite(time) || (time !== 0 && time < FIRST_TIME))
    throw wrong(
      'loggedInAt: a valid Date, or milliseconds since the epoch; of seconds, as in a JWT, give a thousandfold. Leave it out if it is unknown.',
    );
  return time === 0 || time > now ? undefined : time;
}

/** Times before this one, in milliseconds, are seconds that somebody forgot to convert: it is the year 1973. */
const FIRST_TIME = 100_000_000_000;

/** What the option `data` does not accept is dropped when it is read, as of any stored session. */
function textsOf(data: unknown = {}): Record<string, string> {
  assertDataObject(data);
  const texts = byKey<string>();
  for (const [key, value] of Object.entries(data))
    if (value !== undefined) texts[key] = jsonText(key, value, true);
  return texts;
}

const wrong = (message: string): Error =>
  new SessionError('ERR_OPTIONS', `migrate: map() returned ${message}`);
