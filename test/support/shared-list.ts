import { jest } from '@jest/globals';
import { FakeClock } from 'nest-sessions/testing';
import { SharedRevocations, type RevocationSource } from '../../lib/revocations/replicated.js';
import type { Revocation, RevocationContext } from '../../lib/revocations/revocation-list.js';
import type { RevocationPage } from '../../lib/revocations/revocation-source.js';

export const START = Date.UTC(2030, 0, 1);
export const LATER = 1e15;
/** Milliseconds that the list may take to respond. */
export const TIMEOUT = 3_000;

/** Lets what waits for a response go on, without time passing. For timers that are faked. */
export const settled = () => jest.advanceTimersByTimeAsync(0);
export const hanging = () => new Promise<never>(() => undefined);
export const refused = () => Promise.reject(new Error('refused'));

export const ended = { why: 'ended', grace: 0, honoured: false } as const;
export const token = (id: string) => ({ id, subject: 'alice', version: 0, issuedAt: 1, epoch: '' });

/** A list on another machine, which does what the spec says. */
export function sharedList(
  options: ConstructorParameters<typeof SharedRevocations>[1] = {},
  source: Partial<RevocationSource> = {},
) {
  /** Times of a query, or undefined where the list's clock decides. */
  const queries: (number | undefined)[] = [];
  const added: Revocation[] = [];
  const warnings: string[] = [];
  const listeners = new Set<() => void>();
  const clock = new FakeClock(START);
  const server = {
    changes: (page: RevocationPage): Promise<RevocationPage> => Promise.resolve(page),
    add: (standing: Revocation) => Promise.resolve({ added: true, standing, crowded: false }),
    ahead: 0,
  };
  const list = new SharedRevocations(
    {
      changes: (cursor, now) => {
        queries.push(now);
        const time = clock.now() + server.ahead;
        return server.changes({ epoch: 'one', time, cursor, revocations: [], unreadable: 0, more: false });
      },
      add: (revocation) => {
        added.push(revocation);
        return server.add(revocation);
      },
      listen: (onNotice) => {
        listeners.add(onNotice);
        return () => void listeners.delete(onNotice);
      },
      ...source,
    },
    options,
  );
  const context = (change: Partial<RevocationContext> = {}): RevocationContext => ({
    clock,
    clockInjected: true,
    timeout: TIMEOUT,
    warn: (message) => warnings.push(message),
    ...change,
  });
  /** The list in use by a module, and read. */
  const bind = (change?: Partial<RevocationContext>) => {
    list.bind(context(change));
    return settled();
  };
  const reads = (change: Partial<RevocationPage>) =>
    (server.changes = async (page) => ({ ...page, ...change }));
  return { list, server, clock, queries, added, warnings, listeners, context, bind, reads };
}
