import type { INestApplication } from '@nestjs/common';
import {
  BOUND_COOKIE,
  challengeIn,
  DEVICE_PATH,
  REFRESH_PATH,
  registrationIn,
} from '../../support/device.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { startBound } from './device.app.js';

afterEach(closeAll);

const PATHS = [DEVICE_PATH, REFRESH_PATH];

describe.each(platforms)('the two paths of devices on %s', (platform) => {
  it('take nothing but POST, also where the application answers CORS', async () => {
    const { browser, told } = await startBound(
      platform,
      {},
      { prepare: (app: INestApplication) => app.enableCors({ origin: true, credentials: true }) },
    );
    await browser.bind();
    const headers = {
      'secure-session-response': browser.device.refresh(browser.challenge),
      'sec-secure-session-id': browser.sessionId,
    };
    for (const path of PATHS)
      for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'QUERY']) {
        const answer = await browser.send(path, { method, headers });
        expect([path, method, answer.status < 500, answer.setCookies]).toEqual([path, method, true, []]);
      }
    const asked = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    for (const path of PATHS) {
      const answer = await browser.send(path, { method: 'OPTIONS', headers: { ...headers, ...asked } });
      expect([answer.status, answer.setCookies]).toEqual([204, []]);
    }
    expect(told('refreshed')).toEqual([]);
    expect((await browser.refresh()).status).toBe(200);
  });

  it('give nothing to a request of another site, which cannot send what they need', async () => {
    const { browser, clock, told } = await startBound(platform, { cookie: { sameSite: 'none' } });
    const { challenge } = registrationIn(await browser.login());
    const foreign = {
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'no-cors',
    };
    const types = ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain'];
    const attempt = async () => {
      for (const path of PATHS)
        for (const type of types) {
          const answer = await browser.post(path, 'x=1', { headers: { ...foreign, 'content-type': type } });
          expect([answer.status, answer.setCookies]).toEqual([403, []]);
          expect(answer.headers['secure-session-challenge']).toBeUndefined();
        }
    };
    await attempt();
    expect((await browser.register(browser.device.registration(challenge))).status).toBe(200);
    await attempt();
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
    expect([told('reused'), told('ended')]).toEqual([[], []]);
  });

  it('do not wait for a body, however long it is', async () => {
    const { browser } = await startBound(platform);
    const { challenge } = registrationIn(await browser.login());
    const body = { text: 'x'.repeat(1_000_000) };
    const answer = await browser.post(DEVICE_PATH, body, {
      headers: {
        'secure-session-response': browser.device.registration(challenge),
        'content-type': 'text/x; charset=no',
      },
    });
    expect(answer.status).toBe(200);
    browser.sessionId = answer.json<{ session_identifier: string }>().session_identifier;
    const asked = await browser.post(REFRESH_PATH, body, {
      headers: { 'sec-secure-session-id': browser.sessionId },
    });
    expect(challengeIn(asked).id).toBe(browser.sessionId);
  });

  it('are no others in another spelling', async () => {
    const { browser } = await startBound(platform);
    await browser.bind();
    const headers = {
      'secure-session-response': browser.device.refresh(browser.challenge),
      'sec-secure-session-id': browser.sessionId,
    };
    for (const path of [
      '/Session/device/refresh',
      '//session/device/refresh',
      '/session//device/refresh',
      '/session/device/%72efresh',
      '/session%2Fdevice/refresh',
      '/session/device/refresh/',
      '/session/device/refresh;x=1',
    ]) {
      const answer = await browser.post(path, undefined, { headers });
      expect([path, answer.setCookies]).toEqual([path, []]);
      expect([path, answer.status]).toEqual([path, 404]);
    }
    expect((await browser.post(`${REFRESH_PATH}?a=1`, undefined, { headers })).status).toBe(200);
  });

  it('come before the middleware of the application, which may redirect or refuse', async () => {
    const { browser, clock } = await startBound(
      platform,
      {},
      {
        prepare(app: INestApplication) {
          app.use(
            (request: { url?: string }, response: { statusCode: number; end(): void }, next: () => void) => {
              if (!request.url?.startsWith('/session')) return next();
              response.statusCode = 302;
              response.end();
            },
          );
        },
      },
    );
    expect((await browser.bind()).status).toBe(200);
    clock.advance('8m');
    expect((await browser.refresh()).status).toBe(200);
  });

  it('say nothing of a session to whoever asks with an id alone', async () => {
    const { browser, told } = await startBound(platform);
    await browser.bind();
    for (const cookie of [
      '',
      `${BOUND_COOKIE}=${browser.boundCookie}`,
      '__Host-session=x',
      '__Host-session=;;=;"',
    ]) {
      const [known, unknown] = [
        await browser.ask(undefined, { cookie }),
        await browser.ask(undefined, { cookie, headers: { 'sec-secure-session-id': 'x'.repeat(22) } }),
      ];
      expect([known.status, known.body.length]).toEqual([unknown.status, unknown.body.length]);
      expect(known.json()).toMatchObject({ continue: false });
    }
    expect(told('ended')).toEqual([]);
  });

  it('echo an id as JSON and nothing else', async () => {
    const { browser } = await startBound(platform);
    for (const id of [
      '"a\\"b"',
      '<script>',
      'ü',
      '\u00ff".',
      '__proto__',
      "'",
      '{"a":1}',
      'x'.repeat(8_000),
    ]) {
      const answer = await browser.post(REFRESH_PATH, undefined, {
        headers: { 'sec-secure-session-id': id },
      });
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json']);
      const said = answer.json<{ session_identifier: string; continue: boolean }>();
      expect(said.continue).toBe(false);
      expect(id).toContain(said.session_identifier);
    }
  });
});
