import { connect } from 'node:net';
import { once } from 'node:events';
import { sign } from 'cookie-signature';
import { rawRequest } from '../../support/raw-request.js';
import type { Case } from '../case.js';
import { OTHER_SECRET } from './values.js';

export const neighbours: readonly Case[] = [
  {
    id: 'R87',
    source: 'CWE-248; ASVS 16.5.2',
    title: 'no request ends the process or leaves another without an answer',
    specs: [
      {
        file: 'test/http/response/late-calls.spec.ts',
        title: 'always end in a response where the commit or the listener fails',
      },
      {
        file: 'test/http/response/invalid-calls.spec.ts',
        title: 'never ends the process, and always ends in a response',
      },
    ],
    async run(lab) {
      const unhandled: unknown[] = [];
      const note = (error: unknown) => unhandled.push(error);
      process.on('unhandledRejection', note);
      try {
        const bench = await lab.start();
        const client = await bench.loggedIn();
        const [url = ''] = bench.site.urls;
        const gate = bench.site.hold();
        const socket = connect(Number(new URL(url).port), '127.0.0.1');
        socket.write(`GET /slow HTTP/1.1\r\nHost: localhost\r\nCookie: ${client.cookie}\r\n\r\n`);
        await gate.reached;
        socket.destroy();
        await once(socket, 'close');
        gate.open();
        for (const path of ['/fail', '/read-and-fail', '/late'])
          expect((await client.get(path)).status).toBeGreaterThanOrEqual(200);
        const post = `POST /data HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 3\r\n\r\n{"a`;
        expect(await rawRequest(url, post)).toMatch(/^HTTP\/1\.1 400/);
        await bench.expectIn(client.cookie);
        await new Promise(setImmediate);
        expect(unhandled).toEqual([]);
      } finally {
        process.off('unhandledRejection', note);
      }
    },
  },
  {
    id: 'R88',
    source: 'derived; CWE-345',
    title: 'what other nodes or publishers say grants nothing',
    specs: [
      { file: 'test/revocations/poison.spec.ts', title: 'change no verdict and take no memory' },
      {
        file: 'test/stores/postgres/events.spec.ts',
        title: 'are not made up by what somebody else notifies',
      },
    ],
  },
  {
    id: 'R89',
    source: 'RFC 6265 §8.5',
    title: 'the cookie of another application of the host is left alone',
    async run(lab) {
      const one = await lab.start();
      const other = await lab.start({ secret: OTHER_SECRET });
      const { cookie } = await other.loggedIn();
      const client = one.client();
      for (const path of ['/untouched', '/look', '/me', '/nowhere'])
        expect((await client.get(path, { cookie })).setCookies).toEqual([]);
      for (const path of ['/logout'])
        expect((await client.post(path, {}, { cookie })).setCookies).toEqual([]);
      await other.expectIn(cookie);
    },
  },
  {
    id: 'R90',
    source: 'derived; CWE-488',
    title: 'the current session is that of this request, or an error once the request is over',
    specs: [
      {
        file: 'test/nest/request/shared-clients.spec.ts',
        title: 'has no current session once the request that opened the connection is finished',
      },
      {
        file: 'test/nest/transports/hybrid.spec.ts',
        title: 'distinguishes the sessions of two requests whose messages share a connection',
      },
    ],
  },
  {
    id: 'R91',
    source: 'CWE-770',
    title: 'anonymous visitors cannot push out those who are logged in',
    specs: [
      {
        file: 'test/stores/memory/memory.spec.ts',
        title: 'ends no session of a user for 100,000 of anonymous visitors',
      },
      {
        file: 'test/stores/memory/memory.spec.ts',
        title: 'logs no user out while visitors begin any number of sessions',
      },
    ],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      for (let round = 0; round < 10; round++)
        await Promise.all(Array.from({ length: 40 }, (_, n) => bench.client().write({ n })));
      await bench.expectIn(client.cookie);
    },
  },
  {
    id: 'R92',
    source: 'ASVS 16.3.4',
    title:
      'a refusal that an operator can mend is in the log with the remedy, once a minute, and a store failure with its cause',
    note: 'It logs nothing.',
    needs: ['break'],
    specs: [
      {
        file: 'test/nest/request/cross-origin-report.spec.ts',
        title: 'is one line a minute, with how many there were',
      },
      {
        file: 'test/nest/events/store-outages.spec.ts',
        title: 'says which part of sealed cookies fails: the index %s',
      },
    ],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      for (let time = 0; time < 3; time++)
        await client.write({ a: 1 }, { headers: { origin: 'https://shop.example' } });
      const refusals = bench.site.logs().match(/.*shop\.example.*/g) ?? [];
      expect(refusals).toHaveLength(1);
      expect(refusals[0]).toContain('crossOrigin');
      bench.site.fail('all');
      await client.logout();
      expect(bench.site.logs()).toContain('this failure was ordered');
    },
  },
  {
    id: 'R93',
    source: 'ASVS 9.2.2; CWE-323',
    title:
      'a value that the application signs for another purpose with the same secret neither opens nor ends anything',
    needs: ['list'],
    specs: [
      {
        file: 'test/core/token/keys.spec.ts',
        title: 'ends no session of the id in it, though the secret is the same',
      },
    ],
    async run(lab) {
      const secret = OTHER_SECRET;
      const bench = await lab.start({ secret });
      const client = await bench.loggedIn();
      const [{ id } = { id: '' }] = await client.devices();
      for (const text of [id, `${id}.${'A'.repeat(43)}`, client.value.slice(0, 40)]) {
        const cookie = `${bench.cookieName}=${encodeURIComponent(`s:${sign(text, secret)}`)}`;
        await bench.expectOut(cookie);
        await bench.client().logout({ cookie });
        await bench.client().post('/logout-everywhere', {}, { cookie });
      }
      await bench.expectIn(client.cookie);
    },
  },
];
