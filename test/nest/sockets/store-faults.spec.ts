import { setTimeout as wait } from 'node:timers/promises';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { UseGuards } from '@nestjs/common';
import { LoginGuard, Logout, MemoryStore, Session, SessionService, type SessionStore } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import type { Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll } from '../../support/platforms.js';
import { closeClients } from './clients.js';
import { everywhere, startGateway, type Transport } from './gateways.js';

const escaped: unknown[] = [];
const note = (error: unknown) => escaped.push(error);
beforeEach(() => {
  escaped.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  closeClients();
  await closeAll();
  await new Promise(setImmediate);
  process.off('unhandledRejection', note);
  expect(escaped).toEqual([]);
});

const TIMEOUT = 60;

/** Where a call of a store may fail: before what it does or after it, at once, too late or never. */
const faults = {
  'throws before the effect': () => {
    throw new Error('the store is down');
  },
  'rejects before the effect': async () => Promise.reject(new Error('the store is down')),
  'rejects after the effect': async (work: () => unknown) => {
    await work();
    throw new Error('the store is down');
  },
  'has its effect, and never answers': async (work: () => unknown) => {
    await work();
    return new Promise(() => undefined);
  },
  'never answers': () => new Promise(() => undefined),
  'answers too late, with what it knew': async (work: () => unknown) => {
    const answer = await work();
    await wait(2 * TIMEOUT);
    return answer;
  },
  'has its effect too late': async (work: () => unknown) => {
    await wait(2 * TIMEOUT);
    return work();
  },
} satisfies Record<string, (work: () => unknown) => unknown>;

type Fault = keyof typeof faults;

/** A memory store whose calls fail in the given way. */
class FailingStore extends MemoryStore {
  fault: Fault | undefined;
  readonly #pending = new Set<Promise<unknown>>();

  constructor() {
    super();
    for (const name of ['load', 'create', 'commit', 'destroy', 'list', 'markRevoked'] as const) {
      const original = MemoryStore.prototype[name] as (...args: unknown[]) => unknown;
      Object.defineProperty(this, name, {
        value: (...args: unknown[]) => {
          const work = () => original.apply(this, args);
          if (!this.fault) return work();
          const answer: unknown = faults[this.fault](work);
          if (answer instanceof Promise && !this.fault.includes('never')) {
            this.#pending.add(answer);
            const over = () => void this.#pending.delete(answer);
            answer.then(over, over);
          }
          return answer;
        },
      });
    }
  }

  /** From now on it answers; settles when all that comes too late has come. */
  async heal(): Promise<void> {
    this.fault = undefined;
    await Promise.allSettled(this.#pending);
  }
}

function gatewayOf({ answer }: Transport) {
  @WebSocketGateway()
  class Gateway {
    constructor(private readonly sessions: SessionService<Data>) {}

    @SubscribeMessage('who')
    @UseGuards(LoginGuard)
    who(@Session() session: Session<Data>) {
      return answer({ subject: session.subject ?? null, data: { ...session.data } });
    }

    @SubscribeMessage('set')
    set(@Session() session: Session<Data>) {
      session.data['set'] = true;
      return answer('ok');
    }

    @SubscribeMessage('commit')
    async commit(@Session() session: Session<Data>) {
      session.data['commit'] = true;
      return answer(await session.commit().catch(({ code }: { code: string }) => code));
    }

    @SubscribeMessage('update')
    async update() {
      await this.sessions.current.update('update', () => true);
      return answer('ok');
    }

    @SubscribeMessage('reload')
    async reload() {
      await this.sessions.current.reload();
      return answer('ok');
    }

    @SubscribeMessage('logout')
    @Logout()
    logout() {
      return answer('ok');
    }

    @SubscribeMessage('clear')
    async clear() {
      await this.sessions.clear();
      return answer('ok');
    }
  }
  return Gateway;
}

const FAILED = {
  status: 'error',
  code: 'ERR_STORE_UNAVAILABLE',
  message: 'Sessions are temporarily unavailable. Please try again later.',
};

const cases = (Object.keys(faults) as Fault[]).flatMap((fault) => [
  [fault, everywhere[0]!] as const,
  [fault, everywhere.at(-1)!] as const,
]);

describe.each(cases)('a store that %s', (fault, [name, transport, platform]) => {
  const run = async () => {
    const store = new FailingStore();
    const running = await startGateway(transport, platform, {
      gateways: [gatewayOf(transport)],
      options: { store: store as SessionStore, storeTimeout: TIMEOUT },
    });
    return { ...running, store };
  };

  it(`refuses handshakes and messages by ${name}, and no socket closes`, async () => {
    const { app, client, clock, connect, sessions, size, store } = await run();
    const cookie = await loginAs<Data>(app, 'alice');
    const alice = await client({ cookie });
    const works = async () => {
      await store.heal();
      clock.advance('11s');
      expect(await alice.ask('who')).toMatchObject({ subject: 'alice' });
      expect(size()).toEqual({ sessions: 1, attached: 1 });
    };
    store.fault = fault;
    expect(await connect({ cookie })).toMatchObject({
      refused: transport.name === 'ws' ? { status: 503 } : { code: 'ERR_STORE_UNAVAILABLE' },
    });
    clock.advance('11s');
    expect(await alice.ask('who')).toEqual(FAILED);
    for (const message of ['set', 'commit', 'update', 'reload']) {
      await works();
      store.fault = fault;
      expect([message, await alice.ask(message)]).toEqual([message, FAILED]);
    }
    await works();
    await sessions.revokeAll('alice');
    expect(await alice.closed).toEqual({ code: 4401, reason: 'revoked' });
  });

  it.each(['logout', 'clear'])(
    `tells of it at %s by ${name}, and the end comes after it`,
    async (message) => {
      const { app, client, clock, sessions, size, store } = await run();
      const cookie = await loginAs<Data>(app, 'alice');
      const alice = await client({ cookie });
      store.fault = fault;
      expect(await Promise.race([alice.ask(message), alice.closed])).toEqual(FAILED);
      await store.heal();
      clock.advance('10s');
      expect((await alice.closed).code).toBe(4401);
      expect((await sessions.open({ cookie })).loggedIn).toBe(false);
      expect(size()).toEqual({ sessions: 0, attached: 0 });
    },
  );

  it(`fails to end a session, whose sockets by ${name} are open as long as it lives`, async () => {
    const { app, client, clock, sessions, store, url } = await run();
    const failing: ((cookie: string) => Promise<unknown>)[] = [
      async (cookie) => (await new Browser(url).post('/logout', {}, { cookie })).status,
      async () => sessions.revokeAll('alice').catch(() => 503),
    ];
    for (const end of failing) {
      const cookie = await loginAs<Data>(app, 'alice');
      const alice = await client({ cookie });
      store.fault = fault;
      expect(await end(cookie)).toBe(503);
      await store.heal();
      const { loggedIn } = await sessions.open({ cookie });
      clock.advance('10s');
      if (loggedIn) expect(await alice.ask('who')).toMatchObject({ subject: 'alice' });
      else expect((await alice.closed).code).toBe(4401);
    }
  });
});
