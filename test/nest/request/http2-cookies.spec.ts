import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { Controller, Post, type INestApplication } from '@nestjs/common';
import { Relogin, SessionModule } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { AppController } from '../../support/app.js';
import { LogSink } from '../../support/log-sink.js';
import { SECRET } from '../../support/platforms.js';

@Controller()
class SettingsController {
  @Post('settings')
  @Relogin('5m')
  settings() {
    return { ok: true };
  }
}

/** Browsers speak HTTP/2 over TLS alone; proxies and tools also in clear text (h2c). */
describe('over HTTP/2 in clear text', () => {
  let app: INestApplication;
  let client: ClientHttp2Session;
  let host: string;
  const clock = new FakeClock();
  const sink = new LogSink();

  beforeAll(async () => {
    const options = { secret: SECRET, clock, idle: '1h', relogin: { url: '/again' } } as const;
    const module = await Test.createTestingModule({
      imports: [SessionModule.forRoot(options)],
      controllers: [AppController, SettingsController],
    }).compile();
    app = module.createNestApplication(new FastifyAdapter({ http2: true } as never), { logger: false });
    sink.attach(app);
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    host = `127.0.0.1:${port}`;
    client = connect(`http://${host}`);
  });

  afterAll(async () => {
    client.destroy();
    await app.close();
  });

  const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const stream = client.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/json',
      ...headers,
    });
    stream.end(JSON.stringify(body));
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    stream.resume();
    await once(stream, 'close');
    return {
      status: head[':status'],
      location: head['location'] as string | undefined,
      cookies: (head['set-cookie'] ?? []) as string[],
    };
  };

  it('a cookie is sent within this machine, by the authority of the request', async () => {
    const { status, cookies } = await post('/login', { user: 'alice' });
    expect([status, cookies.length]).toEqual([200, 1]);
    expect(cookies[0]).toContain('Secure');
    expect(sink.text).not.toContain('trust proxy');
  });

  it('none is sent to another authority, and the log names it', async () => {
    const { cookies } = await post('/login', { user: 'alice' }, { ':authority': 'app.example.com' });
    expect(cookies).toEqual([]);
    expect(sink.text).toContain('app.example.com');
  });

  it('a form that was refused finds its way back', async () => {
    const cookie = (await post('/login', { user: 'alice' })).cookies[0]!.split(';', 1)[0]!;
    clock.advance('6m');
    const next = async (referer: string) => {
      const { status, location } = await post('/settings', {}, { cookie, referer, accept: 'text/html' });
      return [status, location];
    };
    expect(await next(`http://${host}/settings?tab=2`)).toEqual([303, '/again?next=%2Fsettings%3Ftab%3D2']);
    expect(await next('http://evil.example/settings')).toEqual([303, '/again?next=%2F']);
  });

  it('requests of other sites are refused by the authority, and our own are not', async () => {
    const from = async (origin: string) => (await post('/data', {}, { origin })).status;
    expect(await from(`http://${host}`)).toBe(200);
    expect(await from('http://evil.example')).toBe(403);
  });
});
