import type { INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { Logger, LoggerModule } from 'nestjs-pino';
import { pinoHttp } from 'pino-http';
import { SessionModule } from 'nest-sessions';
import { sessionSerializers, type SessionSerializersOptions } from 'nest-sessions/pino';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, SECRET, start } from '../support/platforms.js';
import { until } from '../support/until.js';
// nestjs-pino has one logger in a process, which writes to the stream of the application that was made first.
import { __resetOutOfContextForTests as forgetLogger } from '../../node_modules/nestjs-pino/dist/esm/PinoLogger.js';

interface Line {
  msg?: string;
  req?: { url?: string; method?: string; headers?: Record<string, string>; session?: object };
  res?: { statusCode?: number; headers?: Record<string, string>; session?: object };
}

/** What a logger has written. */
class Lines {
  readonly texts: string[] = [];
  readonly write = (text: string): void => void this.texts.push(text);

  get all(): Line[] {
    return this.texts.map((text) => JSON.parse(text) as Line);
  }

  /** The line of a response, which is written after it has arrived. */
  async ofResponse(index = 0): Promise<Line> {
    const found = () => this.all.filter(({ res }) => res !== undefined);
    await until(async () => found().length > index, 'the line of a response', 5_000);
    return found()[index]!;
  }

  clear(): void {
    this.texts.length = 0;
  }
}

/** Starts an application whose requests are logged. */
type Start = (lines: Lines, options?: SessionSerializersOptions) => Promise<string>;

const own: INestApplication[] = [];

afterEach(async () => {
  await closeAll();
  for (const app of own.splice(0)) await app.close();
});

const controllers = [AppController];

const loggers: [string, Start][] = platforms.flatMap(([platform]): [string, Start][] => [
  [
    `pino-http on ${platform}`,
    async (lines, options) => {
      const { url } = await start(platform, {
        controllers,
        prepare: (app) => void app.use(pinoHttp({ serializers: sessionSerializers(options) }, lines)),
      });
      return url;
    },
  ],
  [
    `pino-http without its own serializers on ${platform}`,
    async (lines, options) => {
      const settings = { serializers: sessionSerializers(options), wrapSerializers: false };
      const { url } = await start(platform, {
        controllers,
        prepare: (app) => void app.use(pinoHttp(settings, lines)),
      });
      return url;
    },
  ],
  [
    `nestjs-pino on ${platform}`,
    async (lines, options) => {
      forgetLogger();
      const { url } = await start(platform, {
        controllers,
        imports: [
          LoggerModule.forRoot({
            pinoHttp: [{ serializers: sessionSerializers(options) }, lines],
            // Its own, `{/*splat}`, matches no request where Nest runs on Fastify.
            forRoutes: ['{*splat}'],
          }),
        ],
        prepare: (app) => void app.useLogger(app.get(Logger)),
      });
      return url;
    },
  ],
]);

/** It has a request's line of its own, before the session is opened. */
const fastifyLogger: [string, Start] = [
  'the logger of Fastify',
  async (lines, options) => {
    const module = await Test.createTestingModule({
      imports: [SessionModule.forRoot({ secret: SECRET })],
      controllers,
    }).compile();
    const serializers = sessionSerializers(options);
    const adapter = new FastifyAdapter({ logger: { stream: lines, serializers } });
    const app = module.createNestApplication(adapter, { logger: false });
    own.push(app);
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  },
];

/** What lets somebody in. */
const SECRETS = {
  authorization: 'Bearer of-a-secret-kind',
  'proxy-authorization': 'Basic cHJveHk6cHJveHk=',
  'sec-secure-session-id': 'the-device-bound-id',
  'secure-session-response': '"proof-of-the-device"',
  'x-csrf-token': 'the-token-of-a-form',
};

const cookieValue = (browser: Browser): string => browser.cookie.slice(browser.cookie.indexOf('=') + 1);

describe.each([...loggers, fastifyLogger])('%s with sessionSerializers()', (name, startLogged) => {
  it('writes no cookie and nothing else that lets somebody in', async () => {
    const lines = new Lines();
    const browser = new Browser(await startLogged(lines));
    await browser.post('/login', { user: 'alice' });
    const first = cookieValue(browser);
    await browser.get('/me', { headers: SECRETS });
    await browser.get('/fail', { headers: SECRETS });
    await lines.ofResponse(2);
    const written = lines.texts.join('');
    expect(first.length).toBeGreaterThan(40);
    for (const secret of [first, decodeURIComponent(first), ...Object.values(SECRETS)])
      expect(written).not.toContain(secret);
    expect(written).not.toMatch(/set-cookie|"cookie":/i);
  });

  it('keeps what else the logger says', async () => {
    const lines = new Lines();
    const browser = new Browser(await startLogged(lines));
    await browser.get('/untouched', { headers: { 'x-mark': 'kept' } });
    const { res } = await lines.ofResponse();
    expect(res).toMatchObject({ statusCode: 200, headers: expect.any(Object) as object });
    const { req } = lines.all.find((line) => line.req !== undefined)!;
    expect(req).toMatchObject({ method: 'GET', url: '/untouched', headers: { 'x-mark': 'kept' } });
  });

  it('names the session by its public id, and its user only where it is told to', async () => {
    const lines = new Lines();
    const browser = new Browser(await startLogged(lines));
    const { id } = (await browser.post('/login', { user: 'alice' })).json<{ id: string }>();
    expect((await lines.ofResponse()).res!.session).toEqual({ id, loggedIn: true });
    lines.clear();
    await browser.post('/logout');
    expect((await lines.ofResponse()).res!.session).toEqual({ id, loggedIn: false });
    expect(lines.texts.join('')).not.toContain('alice');

    const telling = new Lines();
    const other = new Browser(await startLogged(telling, { subject: true }));
    await other.post('/login', { user: 'alice' });
    expect((await telling.ofResponse()).res!.session).toMatchObject({ loggedIn: true, subject: 'alice' });
    telling.clear();
    await other.post('/logout');
    expect((await telling.ofResponse()).res!.session).not.toHaveProperty('subject');
  });

  if (name !== fastifyLogger[0])
    it('names in the request the session with which it came', async () => {
      const lines = new Lines();
      const browser = new Browser(await startLogged(lines));
      const { id } = (await browser.post('/login', { user: 'alice' })).json<{ id: string }>();
      expect((await lines.ofResponse()).req).not.toHaveProperty('session');
      lines.clear();
      await browser.get('/untouched');
      expect((await lines.ofResponse()).req!.session).toEqual({ id, loggedIn: true });
    });

  it('names no session of a visitor, and touches none', async () => {
    const lines = new Lines();
    const browser = new Browser(await startLogged(lines));
    await browser.get('/untouched');
    expect((await lines.ofResponse()).res).not.toHaveProperty('session');
    await browser.post('/login', { user: 'alice' });
    const { headers } = await browser.get('/untouched');
    expect([headers['vary'], headers['cache-control'], headers['set-cookie']]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('leaves further headers out', async () => {
    const lines = new Lines();
    const browser = new Browser(await startLogged(lines, { omit: ['X-Api-Key', 'Content-Length'] }));
    await browser.get('/untouched', { headers: { 'x-api-key': 'a-key-of-the-application' } });
    const { res } = await lines.ofResponse();
    expect(res!.headers).not.toHaveProperty('content-length');
    expect(lines.texts.join('')).not.toContain('a-key-of-the-application');
  });
});

describe('sessionSerializers()', () => {
  it.each<[object, RegExp]>([
    [{ omit: 'x-api-key' }, /omit: give a list of texts/],
    [{ subject: 'yes' }, /subject: true or false/],
    [{ subjects: true }, /Did you mean "subject"/],
  ])('refuses %j', (options, message) => {
    expect(() => sessionSerializers(options as never)).toThrow(message);
  });

  it.each([
    ...['Cookie', 'Cookie2', 'Set-Cookie', 'Set-Cookie2', 'Authorization', 'Proxy-Authorization'],
    ...['CSRF-Token', 'XSRF-Token', 'X-CSRF-Token', 'X-XSRF-Token'],
    ...['Secure-Session-Response', 'Sec-Secure-Session-Id', 'Sec-Session-Response'],
  ])('leaves out %s', (name) => {
    const { req, res } = sessionSerializers();
    const headers = { [name]: 'secret', accept: '*/*' };
    for (const { headers: left } of [req({ headers }), res({ headers })])
      expect(left).toEqual({ accept: '*/*' });
  });

  it("says of Node's request what pino says of it", () => {
    const socket = { remoteAddress: '127.0.0.1', remotePort: 7 };
    const request = { socket, method: 'GET', url: '/', originalUrl: '/whole', headers: {} };
    const said = { method: 'GET', url: '/whole', remoteAddress: '127.0.0.1', remotePort: 7, headers: {} };
    const { req } = sessionSerializers();
    expect(req({ ...request, id: 'one' })).toEqual({ ...said, id: 'one' });
    expect(req({ ...request, id: () => 'two' })).toEqual({ ...said, id: undefined });
  });

  it('takes whatever an application logs as req and res', () => {
    const { req, res } = sessionSerializers();
    for (const odd of [undefined, null, 'text', 1]) expect([req(odd), res(odd)]).toEqual([{}, {}]);
    expect(req({ headers: { Cookie: 'a=b', accept: '*/*' }, url: '/' })).toEqual({
      headers: { accept: '*/*' },
      url: '/',
    });
    expect(res({ statusCode: 200, headers: { 'Set-Cookie': ['a=b'] } })).toEqual({
      statusCode: 200,
      headers: {},
    });
    expect(res({ statusCode: 200 })).toEqual({ statusCode: 200 });
  });
});
