import { ListReader } from '../../lib/revocations/list-reader.js';
import type { RevocationContext } from '../../lib/revocations/revocation-list.js';
import type { RevocationPage, RevocationSource } from '../../lib/revocations/revocation-source.js';
import { settled } from './shared-list.js';

/** Milliseconds for which the copy is current. */
export const STALENESS = 5_000;
/** Milliseconds that the list may take to respond. */
export const TIMEOUT = 2_000;

/** A query of the list that waits for its response. */
interface Query {
  cursor: number;
  now: number | undefined;
  respond(page?: Partial<RevocationPage>): Promise<void>;
  fail(): Promise<void>;
}

/** A reader of a list whose responses the spec gives, one by one. For timers that are faked. */
export function readList({ clockInjected = false } = {}) {
  const queries: Query[] = [];
  const pages: RevocationPage[] = [];
  const source: RevocationSource = {
    changes: (cursor, now) =>
      new Promise((resolve, reject) => {
        const page = { epoch: 'one', time: 0, cursor, revocations: [], unreadable: 0, more: false };
        const respond = (change: Partial<RevocationPage> = {}) => {
          resolve({ ...page, ...change });
          return settled();
        };
        const fail = () => {
          reject(new Error('refused'));
          return settled();
        };
        queries.push({ cursor, now, respond, fail });
      }),
    add: () => Promise.reject(new Error('not used')),
    listen: () => () => undefined,
  };
  const context: RevocationContext = {
    clock: { now: () => 1_234 },
    clockInjected,
    timeout: TIMEOUT,
    warn: () => undefined,
  };
  const apply = { page: (page: RevocationPage): void => void pages.push(page) };
  const reader = new ListReader(source, STALENESS, (page) => apply.page(page));
  const fresh = () => reader.fresh(context);
  const sync = () => reader.sync(context);
  /** Reads all that there is. */
  const read = async (page?: Partial<RevocationPage>) => {
    const reading = sync();
    await Promise.all([reading, queries.at(-1)!.respond(page)]);
  };
  /** Follows what becomes of a call. */
  const outcomeOf = (call: void | Promise<void>) => {
    const outcome = { of: 'pending' as unknown };
    if (!call) outcome.of = 'nothing to wait for';
    else
      call.then(
        () => (outcome.of = 'done'),
        (error: unknown) => (outcome.of = error),
      );
    return outcome;
  };
  const cursors = () => queries.map(({ cursor }) => cursor);
  return { reader, queries, pages, apply, fresh, sync, read, outcomeOf, cursors };
}
