import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Logger, Module, type INestApplication } from '@nestjs/common';
import { MemoryStore, SessionModule, type SessionModuleOptions } from 'nest-sessions';
import { AppController } from '../support/app.js';
import { Browser, send } from '../support/browser.js';
import { closeAll, platforms, SECRET, start } from '../support/platforms.js';
import { load } from './examples.js';

afterEach(closeAll);

const globals = { SessionModule, secret: SECRET };

describe.each(platforms)('pages on another origin, on %s', (platform) => {
  const page = 'https://app.example.com';
  const from = (origin: string, site: string) => ({ headers: { origin, 'sec-fetch-site': site } });

  async function open(cookie: SessionModuleOptions['cookie'] = {}) {
    const { allowPages } = await load<{ allowPages(app: INestApplication): void }>(
      'docs/deployment.md',
      'Pages on another origin or site',
      globals,
    );
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { crossOrigin: { allow: [page] }, cookie },
      prepare: allowPages,
    });
    return new Browser(url);
  }

  it('log in with CORS and credentials, and no others do', async () => {
    const browser = await open();
    const preflight = await browser.send('/login', {
      method: 'OPTIONS',
      headers: { origin: page, 'access-control-request-method': 'POST' },
    });
    expect([preflight.status, preflight.headers['access-control-allow-credentials']]).toEqual([204, 'true']);
    const login = await browser.post('/login', { user: 'alice' }, from(page, 'same-site'));
    expect(login.headers).toMatchObject({
      'access-control-allow-origin': page,
      'access-control-allow-credentials': 'true',
    });
    expect((await browser.get('/me', from(page, 'same-site'))).json()).toEqual({ subject: 'alice' });
    const foreign = await browser.post('/data', { a: 1 }, from('https://evil.example.com', 'same-site'));
    expect(foreign.status).toBe(403);
  });

  it('of another site have a cookie for third parties', async () => {
    const browser = await open({ sameSite: 'none', partitioned: true });
    const { setCookies } = await browser.post('/login', { user: 'alice' }, from(page, 'cross-site'));
    expect(setCookies[0]).toMatch(
      /^__Host-session=[^;]+; Path=\/; HttpOnly; Secure; Partitioned; SameSite=None$/,
    );
  });
});

describe('the function', () => {
  let server: Server | undefined;
  afterEach(() => void server?.close());

  it('starts once, and keeps sessions behind the TLS of the platform', async () => {
    Logger.overrideLogger(false);
    let starts = 0;
    const store = new MemoryStore();
    @Module({
      imports: [
        SessionModule.forRootAsync({
          useFactory: () => {
            starts++;
            return { secret: SECRET, store };
          },
        }),
      ],
      controllers: [AppController],
    })
    class AppModule {}
    const { handler } = await load<{
      handler(request: IncomingMessage, response: ServerResponse): Promise<void>;
    }>('docs/deployment.md', 'Serverless', { AppModule });
    server = createServer((request, response) => void handler(request, response));
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const headers = { host: 'fn.example.com', 'x-forwarded-proto': 'https' };
    const browser = new Browser(url);
    await Promise.all([1, 2].map(() => browser.get('/untouched', { headers })));
    const login = await browser.post('/login', { user: 'alice' }, { headers });
    expect(login.setCookies).toHaveLength(1);
    expect((await browser.get('/me', { headers })).json()).toEqual({ subject: 'alice' });
    expect(starts).toBe(1);
    const plain = await send(`${url}/login`, 'POST', { host: 'fn.example.com' }, { user: 'bob' });
    expect(plain.setCookies).toEqual([]);
  });
});
