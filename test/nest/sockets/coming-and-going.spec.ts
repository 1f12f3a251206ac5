import { setTimeout as wait } from 'node:timers/promises';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { UseGuards } from '@nestjs/common';
import { LoginGuard, Session } from 'nest-sessions';
import { RedisStore } from 'nest-sessions/redis';
import type { Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll } from '../../support/platforms.js';
import { closeClients as closeRedis, nodeRedis } from '../../support/redis-clients.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  stopServers,
  type RedisServer,
} from '../../support/servers.js';
import { until } from '../../support/until.js';
import { closeClients, connectIo, type Client } from './clients.js';
import { startGateway, transports, type GatewayApp, type Transport } from './gateways.js';

const USERS = 8;
const ROUNDS = 25;
const AT_ONCE = 12;

/** The same numbers for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What it has found is old when it comes: a session may have ended in the meantime. */
class LateStore extends RedisStore {
  readonly #delay: () => number;

  constructor(options: ConstructorParameters<typeof RedisStore>[0], delay: () => number) {
    super(options);
    this.#delay = delay;
  }

  override async load(id: string) {
    const found = await super.load(id);
    await wait(this.#delay());
    return found;
  }
}

interface User {
  name: string;
  browser: Browser;
}

interface Open {
  client: Client;
  /** What the gateway says at the first message. */
  session: string;
}

function gatewayOf({ answer }: Transport) {
  @WebSocketGateway()
  @UseGuards(LoginGuard)
  class Gateway {
    @SubscribeMessage('session')
    session(@Session() session: Session<Data>) {
      return answer(session.id);
    }

    @SubscribeMessage('count')
    async count(@Session() session: Session<Data>) {
      return answer((await session.update('n', (n) => Number(n ?? 0) + 1)) ?? null);
    }
  }
  return Gateway;
}

describeWithRedis('sockets that come and go while sessions end, renew and rotate', () => {
  let redis: RedisServer;
  beforeAll(async () => (redis = await startRedis()), START_TIMEOUT);
  afterEach(async () => {
    closeClients();
    await closeAll();
    closeRedis();
  });
  afterAll(stopServers);

  it.each([1, 2, 3])(
    'are open for no session that ended, and leave nothing behind (%i)',
    async (seed) => {
      const pick = numbers(seed);
      const start = async (transport: Transport, platform: 'express' | 'fastify') =>
        startGateway(transport, platform, {
          gateways: [gatewayOf(transport)],
          options: {
            store: new LateStore({ client: await nodeRedis(redis.url), prefix: `seed${seed}:` }, () =>
              pick(20),
            ),
          },
        });
      const polling: Transport = {
        ...transports.io,
        connect: (url, headers) =>
          connectIo(url, headers, [['polling'], ['polling', 'websocket'], ['websocket']][pick(3)]),
      };
      const nodes: GatewayApp[] = [await start(transports.ws, 'express'), await start(polling, 'fastify')];
      const servers = nodes.map(({ app }) => app.getHttpServer() as NodeJS.EventEmitter);
      const listeners = () =>
        servers.map((server) => server.eventNames().map((name) => [name, server.listenerCount(name)]));
      const before = listeners();
      const node = () => nodes[pick(2)]!;
      const login = async ({ name, browser }: User) => {
        // A revocation at the same time refuses it.
        await until(async () => (await browser.post('/login', { user: name })).status === 200, 'a login');
      };
      const users = Array.from({ length: USERS }, (_, i): User => ({
        name: `user ${i}`,
        browser: new Browser(nodes[i % 2]!.url),
      }));
      for (const user of users) await login(user);

      const open = new Set<Open>();
      let opened = 0;
      let ended = 0;
      const steps: ((user: User) => Promise<void>)[] = [];
      const come = async ({ browser }: User) => {
        const client = await node().connect({ cookie: browser.cookie });
        if ('refused' in client) return;
        const session = await Promise.race([client.ask('session'), client.closed]);
        if (typeof session !== 'string') return;
        opened++;
        open.add({ client, session });
      };
      const talk = async () => {
        const one = [...open][pick(open.size || 1)];
        if (one) await Promise.race([one.client.ask('count'), one.client.closed]);
      };
      const go = async () => {
        const one = [...open][pick(open.size || 1)];
        one?.client.close();
        return Promise.resolve();
      };
      const logout = async (user: User) => {
        await user.browser.post('/logout');
        ended++;
        await login(user);
      };
      const revoke = async (user: User) => {
        await node().sessions.revokeAll(user.name);
        ended++;
        await login(user);
      };
      const relogin = async ({ browser }: User) => void (await browser.post('/relogin', {}));
      steps.push(come, come, come, come, come, talk, talk, go, logout, revoke, relogin);

      for (let round = 0; round < ROUNDS; round++) {
        await Promise.all(
          Array.from({ length: AT_ONCE }, () => steps[pick(steps.length)]!(users[pick(USERS)]!)),
        );
        const live = new Set<string>();
        for (const { name } of users) for (const { id } of await nodes[0]!.sessions.list(name)) live.add(id);
        await until(() => {
          for (const one of open) if (!one.client.open) open.delete(one);
          return [...open].every(({ session }) => live.has(session));
        }, 'the end of the sockets whose session ended');
        if (round % 5 === 4) {
          for (const { clock } of nodes) clock.advance('16m');
          // The cookie of each is rotated, and the new one presented.
          for (let i = 0; i < 2; i++) for (const { browser } of users) await browser.get('/look');
        }
      }
      expect(opened).toBeGreaterThan(ROUNDS);
      expect(ended).toBeGreaterThan(ROUNDS / 2);
      for (const { client } of open) client.close();
      for (const { size } of nodes) await until(() => size().attached === 0, 'the end of all');
      expect(nodes.map(({ size }) => size())).toEqual(Array(2).fill({ sessions: 0, attached: 0 }));
      await until(
        () => JSON.stringify(listeners()) === JSON.stringify(before),
        'as many listeners as before',
      );
    },
    START_TIMEOUT,
  );
});
