import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { UseGuards } from '@nestjs/common';
import { LoginGuard, Session, Subject } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { finalize, interval, map, NEVER } from 'rxjs';
import { WebSocket } from 'ws';
import type { Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { until } from '../../support/until.js';
import { closeClients } from './clients.js';
import { everywhere, gatewayFor, startGateway, transports, type Transport } from './gateways.js';

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

let subscribed = 0;

function streaming({ answer }: Transport) {
  @WebSocketGateway()
  @UseGuards(LoginGuard)
  class Streaming {
    @SubscribeMessage('never')
    never() {
      return NEVER;
    }

    @SubscribeMessage('pending')
    pending() {
      return new Promise(() => undefined);
    }

    @SubscribeMessage('ticks')
    ticks(@Session() session: Session<Data>) {
      subscribed++;
      return interval(2).pipe(
        map(() => ({ event: 'news', data: session.subject ?? null })),
        finalize(() => subscribed--),
      );
    }

    @SubscribeMessage('throws')
    throws() {
      throw new TypeError('internals');
    }

    @SubscribeMessage('who')
    who(@Subject() subject: string) {
      return answer({ subject });
    }
  }
  return Streaming;
}

describe.each(everywhere)('by %s', (_, transport, platform) => {
  it('handlers that never end or throw keep no socket open, and what they emit later reaches nobody', async () => {
    const { app, client, sessions, size } = await startGateway(transport, platform, {
      gateways: [streaming(transport)],
    });
    const cookie = await loginAs<Data>(app, 'alice');
    const alice = await client({ cookie });
    subscribed = 0;
    for (const message of ['never', 'pending', 'ticks']) void alice.ask(message);
    await until(() => subscribed === 1);
    await until(() => alice.heard.length > 3);
    await sessions.revokeAll('alice');
    expect(await alice.closed).toEqual({ code: 4401, reason: 'revoked' });
    expect(alice.heard.every((subject) => subject === 'alice')).toBe(true);
    expect(size()).toEqual({ sessions: 0, attached: 0 });
    await until(() => subscribed === 0);
  });

  it('two gateways of one server have one session for each socket', async () => {
    @WebSocketGateway()
    class Second {
      @SubscribeMessage('second')
      second(@Session() session: Session<Data>) {
        return transport.answer(session.subject ?? null);
      }
    }
    const { app, client, sessions, size } = await startGateway(transport, platform, {
      gateways: [gatewayFor(transport), Second],
    });
    const alice = await client({ cookie: await loginAs<Data>(app, 'alice') });
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    expect(await alice.ask('second')).toBe('alice');
    expect(size()).toEqual({ sessions: 1, attached: 1 });
    await sessions.revokeAll('alice');
    expect(await alice.closed).toEqual({ code: 4401, reason: 'revoked' });
  });
});

const FRAMES = [
  '',
  'x',
  'null',
  '7',
  '[]',
  '{}',
  '{"event":null}',
  '{"event":{"toString":1}}',
  '{"event":"__proto__","data":1}',
  '{"event":"constructor"}',
  '{"event":"unknown"}',
  '{"event":"set","data":{"__proto__":{"subject":"root"}}}',
  '{"event":"set","data":null}',
  '{"event":"exception"}',
  Buffer.from([0, 255, 128]),
  Buffer.from('{"event":"nothing"}'),
  'x'.repeat(300_000),
  '['.repeat(100_000),
];

describe.each(platforms)('what is no message, on %s', (platform) => {
  it('harms no socket of ws', async () => {
    const { app, client, url, size } = await startGateway(transports.ws, platform);
    const cookie = await loginAs<Data>(app, 'alice');
    const bob = await client({ cookie: await loginAs<Data>(app, 'bob') });
    const socket = new WebSocket(url.replace('http', 'ws'), { headers: { cookie } });
    const heard: string[] = [];
    socket.on('message', (text) => heard.push(String(text)));
    await once(socket, 'open');
    for (const frame of FRAMES) socket.send(frame);
    socket.send(JSON.stringify({ event: 'who' }));
    await until(() => heard.includes('{"event":"answer","data":{"subject":"alice"}}'));
    // No frame of the protocol: reserved bits are set.
    (socket as unknown as { _socket: NodeJS.WritableStream })._socket.write(
      Buffer.from([0xf1, 0x80, 0, 0, 0, 0]),
    );
    await once(socket, 'close');
    await until(() => size().attached === 1);
    expect(await bob.ask('who')).toEqual({ subject: 'bob' });
  });

  it('harms no other socket of socket.io', async () => {
    const { app, client, url, size } = await startGateway(transports.io, platform);
    const cookie = await loginAs<Data>(app, 'alice');
    const bob = await client({ cookie: await loginAs<Data>(app, 'bob') });
    const packets = [
      ...FRAMES,
      '4',
      '42',
      '42["disconnect"]',
      '42["connect"]',
      '42["unknown"]',
      '42[null]',
      '42{"a":1}',
      '40',
      '40/unknown,',
      '40{"__proto__":1}',
      '43[]',
      '45',
      '451-["who",{"_placeholder":true,"num":9}]',
      '451-["who",{"_placeholder":true,"num":0}]',
      '1',
      '2probe',
      '5',
      '6',
    ];
    for (const packet of packets) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
        headers: { cookie },
      });
      await once(socket, 'message');
      socket.send('40');
      await once(socket, 'message');
      socket.send(packet);
      socket.send('420["who"]');
      await Promise.race([once(socket, 'message'), once(socket, 'close')]);
      socket.terminate();
    }
    await until(() => size().attached === 1);
    expect(await bob.ask('who')).toEqual({ subject: 'bob' });
  });
});

/** A handshake of WebSocket with exactly these lines as headers. @returns the status */
async function handshake(url: string, lines: readonly string[], path = '/'): Promise<number> {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  const head = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...lines,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  const [data] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return Number(String(data).split(' ')[1]);
}

describe.each(platforms)('handshakes of ws on %s', (platform) => {
  function closedGateway() {
    @WebSocketGateway()
    @UseGuards(LoginGuard)
    class Closed {
      @SubscribeMessage('who')
      who(@Subject() subject: string) {
        return { event: 'answer', data: { subject } };
      }
    }
    return Closed;
  }

  it('pass or are refused by what their headers say', async () => {
    const { app, url, size } = await startGateway(transports.ws, platform, {
      gateways: [closedGateway()],
      options: { crossOrigin: { allow: ['https://friend.example'] } },
    });
    const cookie = await loginAs<Data>(app, 'alice');
    const other = await loginAs<Data>(app, 'bob');
    const [name, token] = cookie.split('=') as [string, string];
    const own = url;
    const own2 = own.toUpperCase();
    const cases: [number, string, string[]][] = [
      [101, 'nothing but the cookie', []],
      [101, 'own origin', [`Origin: ${own}`]],
      [101, 'own origin in capitals', [`Origin: ${own2}`]],
      [403, 'null', ['Origin: null']],
      [403, 'empty', ['Origin:']],
      [403, 'foreign', ['Origin: https://evil.example']],
      [403, 'two', [`Origin: ${own}`, 'Origin: https://evil.example']],
      [403, 'two, the other way', ['Origin: https://evil.example', `Origin: ${own}`]],
      [403, 'userinfo', [`Origin: http://127.0.0.1@evil.example`]],
      [101, 'friend', ['Origin: https://friend.example']],
      [403, 'friend of another port', ['Origin: https://friend.example:444']],
      [403, 'friend without tls', ['Origin: http://friend.example']],
      [403, 'friend with evil', ['Origin: https://friend.example', 'Origin: https://evil.example']],
      [101, 'same-origin', [`Origin: ${own}`, 'Sec-Fetch-Site: same-origin']],
      [403, 'same-site', [`Origin: ${own}`, 'Sec-Fetch-Site: same-site']],
      [403, 'cross-site', [`Origin: ${own}`, 'Sec-Fetch-Site: cross-site']],
      [403, 'two of them', ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site']],
      [403, 'none and cross-site', ['Sec-Fetch-Site: none', 'Sec-Fetch-Site: cross-site']],
      [101, 'friend, cross-site', ['Origin: https://friend.example', 'Sec-Fetch-Site: cross-site']],
    ];
    for (const [status, what, lines] of cases)
      expect([what, await handshake(url, [...lines, `Cookie: ${cookie}`])]).toEqual([what, status]);
    const cookies: [number, string, string[]][] = [
      [401, 'none', []],
      [401, 'empty', ['Cookie:']],
      [401, 'garbage', ['Cookie: ;;;=;,\xff']],
      [401, 'no value', [`Cookie: ${name}=`]],
      [401, 'half a token', [`Cookie: ${name}=${token.slice(0, -3)}`]],
      [401, 'a token too long', [`Cookie: ${name}=${token}A`]],
      [401, 'a percent sign', [`Cookie: ${name}=%E0%A4%A`]],
      [101, 'twice the same', [`Cookie: ${cookie}; ${cookie}`]],
      [101, 'twice, in two headers', [`Cookie: ${cookie}`, `Cookie: ${cookie}`]],
      [101, 'after garbage', [`Cookie: ${name}=garbage; ${cookie}`]],
      [101, 'after garbage in a header of its own', [`Cookie: ${name}=garbage`, `Cookie: ${cookie}`]],
      [101, 'two sessions', [`Cookie: ${cookie}; ${other}`]],
      [101, 'long', [`Cookie: a=${'x'.repeat(8_000)}; ${cookie}`]],
      [431, 'too long', [`Cookie: a=${'x'.repeat(20_000)}; ${cookie}`]],
      [101, 'a thousand', [`Cookie: ${`${name}=x; `.repeat(300)}${cookie}`]],
    ];
    for (const [status, what, lines] of cookies)
      expect([what, await handshake(url, lines)]).toEqual([what, status]);
    await until(() => size().attached === 0);
  });

  it('pass with the cookie before a rotation within its grace, and after it end the session as any copy does', async () => {
    const { url, clock, client, size, sessions } = await startGateway(transports.ws, platform, {
      gateways: [closedGateway()],
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const former = browser.cookie;
    clock.advance('16m');
    await browser.get('/look');
    expect(browser.cookie).not.toBe(former);
    const open = await client({ cookie: former });
    expect(await open.ask('who')).toEqual({ subject: 'alice' });
    await browser.get('/look');
    const later = await client({ cookie: browser.cookie });
    clock.advance('5m');
    expect(await handshake(url, [`Cookie: ${former}`])).toBe(401);
    expect((await later.closed).code).toBe(4401);
    expect((await open.closed).code).toBe(4401);
    expect(await sessions.list('alice')).toEqual([]);
    expect(size()).toEqual({ sessions: 0, attached: 0 });
  });
});

interface Polled {
  status: number;
  body: string;
}

function poll(url: string, cookie: string, body?: string): Promise<Polled> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      url,
      { method: body === undefined ? 'GET' : 'POST', headers: { cookie, 'content-type': 'text/plain' } },
      (response) => {
        let text = '';
        response.on('data', (part) => (text += String(part)));
        response.on('end', () => resolve({ status: response.statusCode!, body: text }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

describe.each(platforms)('polling on %s', (platform) => {
  const begin = async (url: string, cookie: string) => {
    const base = `${url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await poll(base, cookie)).body.slice(1)) as { sid: string };
    const at = `${base}&sid=${sid}`;
    await poll(at, cookie, '40');
    await poll(at, cookie);
    return { sid, at };
  };

  it('goes by the cookie of the handshake, whatever those of the later requests are', async () => {
    const { app, url, clock, sessions, size } = await startGateway(transports.io, platform);
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const { at } = await begin(url, browser.cookie);
    const mallory = await loginAs<Data>(app, 'mallory');
    const who = async (cookie: string) => {
      await poll(at, cookie, '420["who"]');
      return (await poll(at, cookie)).body;
    };
    for (const cookie of [browser.cookie, mallory, ''])
      expect(await who(cookie)).toBe('430[{"subject":"alice"}]');
    clock.advance('16m');
    await browser.get('/look');
    expect(await who(browser.cookie)).toBe('430[{"subject":"alice"}]');
    await sessions.revokeAll('mallory');
    expect(await who(browser.cookie)).toBe('430[{"subject":"alice"}]');
    await sessions.revokeAll('alice');
    const packets = [(await poll(at, browser.cookie)).body, (await poll(at, browser.cookie)).body].join(' ');
    expect(packets).toContain('42["session-ended",{"code":4401,"reason":"revoked"}]');
    expect((await poll(at, browser.cookie, '420["who"]')).status).toBe(400);
    expect(size()).toEqual({ sessions: 0, attached: 0 });
  });

  it.each(['before the probe', 'after the probe', 'after the end'])(
    'whose session ends %s of its upgrade is served no more',
    async (when) => {
      const { app, url, sessions, size } = await startGateway(transports.io, platform);
      const cookie = await loginAs<Data>(app, 'alice');
      const { sid, at } = await begin(url, cookie);
      const ended = () => sessions.revokeAll('alice');
      const socket = new WebSocket(
        `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket&sid=${sid}`,
        { headers: { cookie } },
      );
      const heard: string[] = [];
      socket.on('message', (text) => heard.push(String(text)));
      await once(socket, 'open');
      if (when === 'before the probe') await ended();
      socket.send('2probe');
      if (when !== 'before the probe') await until(() => heard.includes('3probe'));
      if (when === 'after the probe') await ended();
      socket.send('5');
      if (when === 'after the end') await ended();
      socket.send('420["who"]');
      const polled = poll(at, cookie);
      await until(() => size().attached === 0);
      expect(`${heard.join(' ')} ${(await polled).body}`).not.toContain('"alice"');
      socket.terminate();
      await until(async () => (await poll(at, cookie)).status === 400);
    },
  );
});
