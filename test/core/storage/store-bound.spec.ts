import { MemoryStore } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { DEVICE_KEY, type SessionRecord } from '../../../lib/core/model/record.js';
import { StoreBackend } from '../../../lib/core/storage/store-backend.js';
import { newId, TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { SECRET } from '../../support/platforms.js';

const KEY = '"a key"';
const TTL = 3_600_000;

/** Fails the next calls: a commit after it took effect. */
class LosingStore extends MemoryStore {
  fails = new Set<'commit' | 'load'>();

  override commit(...args: Parameters<MemoryStore['commit']>) {
    const done = super.commit(...args);
    if (this.fails.delete('commit')) throw new Error('the connection was lost');
    return done;
  }

  override load(...args: Parameters<MemoryStore['load']>) {
    if (this.fails.delete('load')) throw new Error('the connection was lost');
    return super.load(...args);
  }
}

async function run() {
  const clock = new FakeClock();
  const store = new LosingStore();
  const backend = new StoreBackend(store, {
    clock,
    clockInjected: true,
    timeout: 1_000,
    warn: () => undefined,
    secrets: [SECRET],
    signer: new Signer([SECRET], 'sid', TOKEN_LENGTH),
    cookieName: 'sid',
    limitsOf: () => ({ idle: TTL, lifetime: TTL }),
    countsSessions: false,
  });
  const now = clock.now();
  const times = { createdAt: now, startedAt: now, lastSeenAt: now, rotatedAt: now };
  const draft: SessionRecord = {
    ...{ id: newId(), subject: 'alice', secretHash: '', revision: 0, remember: false, factors: {}, data: {} },
    ...times,
  };
  const { handle } = await backend.create(draft, TTL, {});
  const bind = (key = KEY) => backend.bound.bind(handle, key, now);
  const relogin = async () => {
    const present = (await backend.reload(handle))!;
    const rotate = { grace: 1_000, honoured: false, pendingFor: 1_000, presented: true };
    expect(await backend.save(present, { rotate }, now, TTL)).toMatchObject({ outcome: 'saved' });
  };
  return { store, backend, handle, bind, relogin };
}

describe('a session that is bound by a call that fails', () => {
  it('is bound by the same call again, and by no other', async () => {
    const { store, bind } = await run();
    store.fails = new Set(['commit', 'load']);
    await expect(bind()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect(await bind('"another key"')).toEqual({ outcome: 'conflict' });
    expect(await bind()).toMatchObject({
      outcome: 'saved',
      handle: { record: { extra: { [DEVICE_KEY]: KEY } } },
    });
  });

  it('is found bound after a re-login, by the same call alone', async () => {
    const { store, bind, relogin } = await run();
    store.fails = new Set(['commit', 'load']);
    await expect(bind()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await relogin();
    expect(await bind('"another key"')).toEqual({ outcome: 'gone' });
    store.fails = new Set(['load']);
    await expect(bind()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect(await bind()).toMatchObject({
      outcome: 'saved',
      handle: { record: { extra: { [DEVICE_KEY]: KEY } } },
    });
  });

  it('is over after its end', async () => {
    const { store, backend, handle, bind } = await run();
    store.fails = new Set(['commit', 'load']);
    await expect(bind()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await backend.destroy(handle);
    expect(await bind()).toEqual({ outcome: 'gone' });
  });
});
