import type { Case } from '../case.js';
import { cookieFrom } from '../client.js';

export const concurrency: readonly Case[] = [
  {
    id: 'R49',
    source: 'ASVS 7.1.2',
    title: 'of twenty logins at once as many get in as are allowed',
    needs: ['max sessions'],
    async run(lab) {
      const bench = await lab.start({ maxSessions: 3 });
      const clients = Array.from({ length: 20 }, () => bench.client());
      await Promise.all(clients.map((client) => client.login('alice')));
      const statuses = await Promise.all(clients.map(async (client) => (await client.get('/me')).status));
      expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    },
  },
  {
    id: 'R50',
    source: 'ASVS 7.2.1; CWE-200',
    title: 'what is listed is no secret: an id opens nothing',
    needs: ['list'],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      await bench.loggedIn();
      for (const device of await client.devices()) {
        const texts = Object.values(device).filter((value): value is string => typeof value === 'string');
        expect(texts).toContain(device.id);
        for (const text of texts)
          for (const form of [text, `s:${text}`, `${text}.${text}`, client.value.replace(/[^.:]+$/, text)])
            await bench.expectOut(`${bench.cookieName}=${encodeURIComponent(form)}`);
      }
      await bench.expectIn(client.cookie);
    },
  },
  {
    id: 'R51',
    source: 'ASVS 7.5.2, 8.2.2',
    title: 'revoking a session through the application needs ownership and a fresh login',
    needs: ['list'],
    specs: [
      { file: 'test/e2e/login-sample.attacks.spec.ts', title: 'cannot, even with the id of the session' },
      {
        file: 'test/e2e/login-sample.attacks.spec.ts',
        title: 'cannot with a login that is old, be it of the same user',
      },
    ],
    async run(lab) {
      const bench = await lab.start();
      const [alice, eve] = [await bench.loggedIn('alice'), await bench.loggedIn('eve')];
      const [device] = await alice.devices();
      await eve.post(`/revoke/${device!.id}`);
      await eve.post('/revoke-others');
      await eve.post('/logout-everywhere');
      await bench.expectIn(alice.cookie);
      expect((await bench.client().post(`/revoke/${device!.id}`)).status).toBe(401);
    },
  },
  {
    id: 'R52',
    source: 'derived; CWE-362',
    title: 'overlapping requests lose no update, across a rotation either, and raise no false alarm',
    needs: ['overlap'],
    specs: [
      {
        file: 'test/concurrency/races.spec.ts',
        title: 'pass in their dozens across a rotation: one successor, no lost update, no false alarm',
      },
    ],
    async run(lab) {
      const bench = await lab.start({ rotateEvery: '15m', rotateGrace: '10s' });
      const client = await bench.loggedIn();
      await client.write({ first: 1 });
      const gate = bench.site.hold();
      const slow = client.post('/slow-data', { slow: 2 });
      await gate.reached;
      expect((await client.write({ quick: 3 })).status).toBe(200);
      gate.open();
      expect((await slow).status).toBe(200);
      expect((await client.read()).data).toMatchObject({ first: 1, slow: 2, quick: 3 });
      if (lab.can('rotation')) bench.site.advance('15m');
      const { cookie } = client;
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => client.post('/increment/count', {}, { cookie })),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
      const successor = answers.map((answer) => cookieFrom(answer, bench.cookieName)).find(Boolean);
      expect((await client.read({ cookie: successor ?? cookie })).data).toMatchObject({ count: 50 });
      if (lab.can('events')) expect(bench.site.events().map(({ type }) => type)).not.toContain('reused');
    },
  },
];
