/** Only compiled: what authors of stores, tests and guarded handlers import. */
import {
  SESSION_OPTIONS,
  SESSION_SETTINGS,
  type LoggedInSession,
  type LogoutOptions,
  type RegenerateOptions,
  type RevokeAllOptions,
  type RevokeOptions,
  type Session,
  type SessionStore,
} from 'nest-sessions';
import type * as Root from 'nest-sessions';
import type { PostgresRevocationsOptions } from 'nest-sessions/postgres';
import type { RedisRevocationsOptions } from 'nest-sessions/redis';
import {
  applyDelta,
  epochOf,
  mayCommit,
  type RecordDelta,
  type SessionRecord,
  type SessionStore as Contract,
} from 'nest-sessions/store';
// @ts-expect-error what only stores need is not among the names of applications
export type AtTheRoot = Root.RecordDelta;
// @ts-expect-error nobody else can make a backend
export type Factory = Root.SessionBackendFactory;

export const tokens: symbol[] = [SESSION_OPTIONS, SESSION_SETTINGS];

export function committed(record: SessionRecord, delta: RecordDelta): SessionRecord | number {
  return mayCommit(record, delta.epoch) ? applyDelta(record, delta) : epochOf(record);
}

export const theSame = (store: Contract): SessionStore => store;

export const widened = (session: LoggedInSession<{ name?: string }>): Session<{ name?: string }> => session;

export function greet(
  session: LoggedInSession<{ name?: string }>,
  plain: Session<{ name?: string }>,
): string {
  const subject: string = session.subject;
  // @ts-expect-error behind no guard there may be nobody
  const stranger: string = plain.subject;
  return subject + stranger + (session.data.name ?? '');
}

export const calls: [LogoutOptions, RegenerateOptions, RevokeOptions, RevokeAllOptions] = [
  { everywhere: true },
  { keep: ['cart'] },
  { subject: 'alice' },
  { except: ['id'] },
];

export const bound: Pick<RedisRevocationsOptions & PostgresRevocationsOptions, 'staleness'> = {
  staleness: '5s',
};
