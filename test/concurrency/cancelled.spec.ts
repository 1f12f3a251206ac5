import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { Controller, Get, Req } from '@nestjs/common';
import { Session, SessionService, type SessionEvent } from 'nest-sessions';
import { AppController, type Data } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { describeEveryStore, type MakeStore } from '../support/every-store.js';
import { gate as makeGate } from '../support/gate.js';
import { closeAll, start, type PlatformName } from '../support/platforms.js';

afterEach(closeAll);

let gate = makeGate();
let answered = Promise.resolve();
let answer = (): void => undefined;
beforeEach(() => {
  gate = makeGate();
  answered = new Promise((resolve) => (answer = resolve));
});

@Controller('cancelled')
class CancelledController {
  /** Goes on when the client has gone. */
  @Get()
  async late(@Session() session: Session<Data>) {
    await gate.pass();
    setImmediate(answer);
    return { subject: session.subject };
  }

  /** Goes on when the server knows as well. */
  @Get('closed')
  async closed(
    @Session() session: Session<Data>,
    @Req() request: { raw?: IncomingMessage } & IncomingMessage,
  ) {
    const { socket } = request.raw ?? request;
    const closed = once(socket, 'close');
    void gate.pass();
    await closed;
    setImmediate(answer);
    return { subject: session.subject };
  }
}

async function run(platform: PlatformName, make: MakeStore) {
  const running = await start(platform, {
    controllers: [AppController, CancelledController],
    options: { store: await make(), storeTimeout: '10s' },
  });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  const browser = new Browser(running.url);
  await browser.post('/login', { user: 'alice' });
  return { ...running, events, browser };
}

/** Sends a request and goes away while the handler is at work. */
async function cancel(url: string, cookie: string, seen: Promise<void>): Promise<void> {
  const outgoing = request(url, { headers: { cookie }, agent: false });
  const closed = new Promise<void>((resolve) => outgoing.on('close', resolve));
  outgoing.on('error', () => undefined);
  outgoing.end();
  await seen;
  outgoing.destroy();
  await closed;
}

describeEveryStore('a client that cancels a request', (platform, make) => {
  it('where a rotation is due goes on with the cookie that it has, however late', async () => {
    const { browser, clock, events, url } = await run(platform, make);
    const old = browser.cookie;
    clock.advance('16m');
    await cancel(`${url}/cancelled`, old, gate.reached);
    gate.open();
    await answered;
    const next = await browser.get('/me');
    expect(next.status).toBe(200);
    // The one before may have rotated while this was at work: the next is given what that came to.
    expect((await browser.get('/me')).status).toBe(200);
    expect(browser.cookie).not.toBe(old);
    clock.advance('15s');
    expect((await browser.get('/me')).status).toBe(200);
    expect(events.filter(({ type }) => type === 'reused' || type === 'ended')).toEqual([]);
    expect(events.filter(({ type }) => type === 'rotated')).toHaveLength(1);
  });

  it('and has disconnected gets no rotation', async () => {
    const { browser, clock, events, url } = await run(platform, make);
    clock.advance('16m');
    await cancel(`${url}/cancelled/closed`, browser.cookie, gate.reached);
    await answered;
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
    expect(events.filter(({ type }) => type === 'rotated').map(({ at }) => at)).toEqual([clock.now()]);
  });
});
