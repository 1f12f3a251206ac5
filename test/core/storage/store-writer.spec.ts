import { jest } from '@jest/globals';
import type { SessionRecord } from '../../../lib/core/model/record.js';
import type { BackendContext } from '../../../lib/core/storage/backend.js';
import { StoreCalls } from '../../../lib/core/storage/store-calls.js';
import { StoreWriter } from '../../../lib/core/storage/store-writer.js';
import type { Awaitable, CreateResult, SessionLimit, SessionStore } from '../../../lib/core/storage/store.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { systemClock } from '../../../lib/core/util/clock.js';

const LIMIT: SessionLimit = { max: 1, onExceeded: 'evict-oldest', tombstoneTtl: 1_000 };

const record = (id: string): SessionRecord => ({
  id,
  secretHash: '',
  revision: 0,
  subject: 'ada',
  factors: {},
  createdAt: 0,
  startedAt: 0,
  lastSeenAt: 0,
  rotatedAt: 0,
  remember: false,
  data: {},
});

const TIMEOUT = 1_000;

/** A writer over a store whose create has this result, and the ids of the sessions that it discards and evicts. */
function writerOver(created: Awaitable<CreateResult>, evict?: SessionStore['evict']) {
  const destroyed: string[] = [];
  const evicted: string[] = [];
  const store: Partial<SessionStore> = {
    create: () => created,
    destroy: (id) => void destroyed.push(id),
    ...(evict && { evict }),
  };
  const context: Pick<BackendContext, 'clock' | 'clockInjected' | 'timeout' | 'warn'> = {
    clock: systemClock,
    clockInjected: false,
    timeout: TIMEOUT,
    warn: () => undefined,
  };
  const calls = new StoreCalls(store as SessionStore, context as BackendContext);
  const writer = new StoreWriter(calls, new Signer(['a secret of at least 32 characters'], 'sid', 66));
  const onEvicted = ({ id }: { id: string }) => void evicted.push(id);
  const create = () => writer.create(record('new'), 1_000, { limit: LIMIT, onEvicted });
  return { create, destroyed, evicted };
}

afterEach(() => void jest.useRealTimers());

describe('creating a session above the limit', () => {
  it('evicts until the store has no more to evict', async () => {
    const pages = [
      { evicted: [record('2')], more: true },
      { evicted: [record('3')], more: false },
    ];
    const { create, evicted } = writerOver({ outcome: 'created', evicted: [record('1')], more: true }, () =>
      pages.shift()!,
    );
    await create();
    expect(evicted).toEqual(['1', '2', '3']);
  });

  it('emits what a failing call has evicted', async () => {
    const first: CreateResult = { outcome: 'created', evicted: [record('1')], more: true };
    const { create, destroyed, evicted } = writerOver(first, () => Promise.reject(new Error('lost')));
    await expect(create()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect([evicted, destroyed]).toEqual([['1'], ['new']]);
  });

  it.each<[CreateResult, string, string[]]>([
    [
      { outcome: 'failed', evicted: [record('1')], cause: new Error('lost') },
      'ERR_STORE_UNAVAILABLE',
      ['new'],
    ],
    [{ outcome: 'revoked', evicted: [record('1')] }, 'ERR_LOGIN_REVOKED', []],
  ])('emits what a create with the result %j has evicted', async (created, code, discarded) => {
    const { create, destroyed, evicted } = writerOver(created);
    await expect(create()).rejects.toMatchObject({ code });
    expect([evicted, destroyed]).toEqual([['1'], discarded]);
  });

  it('emits what a create evicts after its timeout, except the new session, and discards the new one again', async () => {
    jest.useFakeTimers();
    let respond!: (created: CreateResult) => void;
    const { create, destroyed, evicted } = writerOver(new Promise((resolve) => (respond = resolve)));
    const failed = expect(create()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await jest.advanceTimersByTimeAsync(TIMEOUT);
    await failed;
    expect([evicted, destroyed]).toEqual([[], ['new']]);
    respond({ outcome: 'created', evicted: [record('1'), record('new')] });
    await jest.advanceTimersByTimeAsync(0);
    expect([evicted, destroyed]).toEqual([['1'], ['new', 'new']]);
  });

  it('emits what a further call evicts after its timeout', async () => {
    jest.useFakeTimers();
    let respond!: (page: { evicted: SessionRecord[]; more: boolean }) => void;
    const page = new Promise<{ evicted: SessionRecord[]; more: boolean }>((resolve) => (respond = resolve));
    const { create, evicted } = writerOver({ outcome: 'created', evicted: [], more: true }, () => page);
    const failed = expect(create()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await jest.advanceTimersByTimeAsync(TIMEOUT);
    await failed;
    respond({ evicted: [record('1')], more: true });
    await jest.advanceTimersByTimeAsync(0);
    expect(evicted).toEqual(['1']);
  });

  it('fails and discards the new session if the store returns "more" without the method evict', async () => {
    const { create, destroyed } = writerOver({ outcome: 'created', evicted: [], more: true });
    await expect(create()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect(destroyed).toEqual(['new']);
  });

  it('fails and discards the new session if the store returns "more" without end, and evicts nothing', async () => {
    let calls = 0;
    const evict = () => ({ evicted: ++calls === 50 ? [record('1')] : [], more: true });
    const { create, destroyed, evicted } = writerOver({ outcome: 'created', evicted: [], more: true }, evict);
    await expect(create()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect([calls, evicted, destroyed]).toEqual([150, ['1'], ['new']]);
  });

  it('discards nothing if the store rejected the session', async () => {
    const { create, destroyed } = writerOver({ outcome: 'rejected' });
    await expect(create()).rejects.toMatchObject({ code: 'ERR_SESSION_LIMIT' });
    expect(destroyed).toEqual([]);
  });
});
