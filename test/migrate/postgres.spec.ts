import { SessionService, type SessionEvent } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { AppController } from '../support/app.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { describePostgres } from '../support/postgres.js';
import { startExpressSession, type OldSite } from './old-site.js';
import { replay, Visitor } from './visitor.js';

describePostgres('sessions that come over to PostgreSQL', (server) => {
  let old: OldSite;

  beforeEach(async () => {
    old = await startExpressSession();
  });

  afterEach(async () => {
    await closeAll();
    await old.close();
  });

  async function startNode(platform: PlatformName, keepOld: boolean) {
    const store = new PostgresStore({ pool: server().pool() });
    await store.migrate();
    const { app, url } = await start(platform, {
      realClock: true,
      controllers: [AppController],
      options: { store, migrate: [old.source({ keepOld })] },
    });
    const events: SessionEvent[] = [];
    app.get(SessionService).events.subscribe((event) => events.push(event));
    return { url, events };
  }

  it.each(platforms)(
    'makes one session of the requests of a page, which a logout ends, on %s',
    async (platform) => {
      for (const keepOld of [false, true]) {
        const nodes = [await startNode(platform, keepOld), await startNode(platform, keepOld)];
        const visitor = new Visitor();
        await visitor.post(old, '/login?user=alice');
        const { cookie } = visitor;
        const looks = await Promise.all(
          Array.from({ length: 8 }, (_, index) => replay(nodes[index % 2]!, '/look', cookie)),
        );
        const seen = looks.map((look) => look.json<{ id: string; subject: string }>());
        expect(new Set(seen.map(({ subject }) => subject))).toEqual(new Set(['alice']));
        expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
        await visitor.get(nodes[0]!, '/me');
        expect((await visitor.post(nodes[0]!, '/logout')).status).toBe(200);
        for (const node of nodes) expect((await replay(node, '/me', cookie)).status).toBe(401);
        const events = nodes.flatMap((node) => node.events);
        expect(events.filter(({ type, remote }) => type === 'migrated' && !remote)).toHaveLength(1);
      }
    },
  );
});
