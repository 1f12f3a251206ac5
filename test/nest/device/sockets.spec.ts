import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Controller, Sse, UseGuards, type MessageEvent, type Type } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { NEVER, startWith, type Observable } from 'rxjs';
import {
  DeviceBound,
  EndWithSession,
  LoginGuard,
  MemoryStore,
  type SessionModuleOptions,
} from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { BindingBrowser, registrationIn } from '../../support/device.js';
import { closeAll, platforms, type PlatformName } from '../../support/platforms.js';
import { until } from '../../support/until.js';
import { closeClients } from '../sockets/clients.js';
import { everywhere, startGateway, type Transport } from '../sockets/gateways.js';
import { startBound } from './device.app.js';

afterEach(async () => {
  closeClients();
  await closeAll();
});

function gatewayFor({ answer }: Transport): Type {
  @WebSocketGateway()
  class Gateway {
    @SubscribeMessage('who')
    @UseGuards(LoginGuard)
    who() {
      return answer({ ok: true });
    }

    @SubscribeMessage('vault')
    @DeviceBound()
    vault() {
      return answer({ ok: true });
    }
  }
  return Gateway;
}

const stores: [string, () => SessionModuleOptions['store']][] = [
  ['memory', () => new MemoryStore()],
  ['sealed cookies', () => new SealedCookie({ revocations: new MemoryRevocations() })],
];

describe.each(everywhere)('sockets of a device-bound session by %s', (_, transport, platform) => {
  describe.each(stores)('over %s', (_store, make) => {
    const run = async (deviceBound: SessionModuleOptions['deviceBound'] = true) => {
      const app = await startGateway(transport, platform, {
        gateways: [gatewayFor(transport)],
        options: { deviceBound, store: make(), idle: '2h' },
      });
      return { ...app, browser: new BindingBrowser(app.url) };
    };

    it('close when the bound cookie of their handshake is over, each for itself: a copy gets no other one', async () => {
      const { browser, client, clock } = await run();
      await browser.bind();
      clock.advance('1m');
      const thief = await client({ cookie: browser.cookie });
      clock.advance('7m');
      expect((await browser.refresh()).status).toBe(200);
      const later = await client({ cookie: browser.cookie });
      expect(await thief.ask('vault')).toEqual({ ok: true });
      clock.advance('2m');
      expect(thief.open).toBe(true);
      clock.advance('31s');
      expect(await thief.closed).toMatchObject({ code: 4205 });
      expect(await later.ask('vault')).toEqual({ ok: true });
      clock.advance('8m');
      expect(await later.closed).toMatchObject({ code: 4205 });
    });

    it('close after the grace if they were opened before the binding, or without the bound cookie', async () => {
      const { browser, client, clock } = await run();
      const { challenge } = registrationIn(await browser.login());
      const before = await client({ cookie: browser.cookie });
      await browser.register(browser.device.registration(challenge));
      const without = await client({ cookie: browser.unbound });
      const bound = await client({ cookie: browser.cookie });
      expect(await without.ask('who')).toEqual({ ok: true });
      expect(await without.ask('vault')).toMatchObject({ code: 'ERR_DEVICE_REQUIRED' });
      clock.advance('9s');
      expect([before.open, without.open]).toEqual([true, true]);
      clock.advance('1s');
      expect(await without.closed).toMatchObject({ code: 4205 });
      // It learns of the key at the next look.
      clock.advance('1m');
      expect(await before.closed).toMatchObject({ code: 4205 });
      expect(await bound.ask('who')).toEqual({ ok: true });
    });

    it('close after the grace of the login without a key, with require: always', async () => {
      const { browser, client, clock } = await run({ require: 'always' });
      await browser.login();
      const socket = await client({ cookie: browser.cookie });
      clock.advance('9s');
      expect(await socket.ask('who')).toEqual({ ok: true });
      clock.advance('2s');
      expect(await socket.closed).toMatchObject({ code: 4205 });
    });

    it('stay open as ever if the session is not bound', async () => {
      const { browser, client, clock } = await run();
      await browser.login();
      const socket = await client({ cookie: browser.cookie });
      clock.advance('20m');
      expect(await socket.ask('who')).toEqual({ ok: true });
    });
  });
});

@Controller()
class StreamController {
  @Sse('stream')
  @EndWithSession()
  @UseGuards(LoginGuard)
  stream(): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: 'begun' }));
  }
}

async function listen(url: string, cookie: string) {
  const [response] = (await once(get(url, { headers: { cookie } }), 'response')) as [IncomingMessage];
  const running = { text: '', ended: false, close: () => response.destroy() };
  response.on('data', (part) => (running.text += String(part)));
  response.on('end', () => (running.ended = true));
  await until(() => running.text !== '');
  return running;
}

describe.each(platforms)('streams of a device-bound session on %s', (platform: PlatformName) => {
  it('end when the bound cookie of their request is over, where they end with the session', async () => {
    const { browser, clock, url } = await startBound(
      platform,
      { idle: '2h' },
      { controllers: [AppController, StreamController] },
    );
    await browser.bind();
    const copied = await listen(`${url}/stream`, browser.cookie);
    clock.advance('8m');
    await browser.refresh();
    const later = await listen(`${url}/stream`, browser.cookie);
    clock.advance('3m');
    await until(() => copied.ended);
    expect(later.ended).toBe(false);
    later.close();
  });
});
