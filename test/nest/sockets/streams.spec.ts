import { once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import {
  Controller,
  Get,
  HttpCode,
  Inject,
  Post,
  Res,
  Sse,
  StreamableFile,
  UseGuards,
  type MessageEvent,
} from '@nestjs/common';
import { concatMap, NEVER, startWith, Subject as Source, type Observable } from 'rxjs';
import { EndWithSession, LoginGuard, Logout, Session, SessionService } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { SESSION_ENGINE } from '../../../lib/nest/options/tokens.js';
import { AppController, type Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { gate, type Gate } from '../../support/gate.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { until } from '../../support/until.js';

afterEach(closeAll);

const source = new Source<unknown>();

@Controller()
class StreamController {
  @Sse('ending')
  @EndWithSession()
  @UseGuards(LoginGuard)
  ending(): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: 'begun' }));
  }

  @Sse('staying')
  @UseGuards(LoginGuard)
  staying(): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: 'begun' }));
  }

  @Sse('counting')
  @UseGuards(LoginGuard)
  counting(@Session() session: Session<Data>): Observable<MessageEvent> {
    return source.pipe(
      startWith(undefined),
      concatMap(async () => ({ data: String(await session.update('n', (n) => Number(n ?? 0) + 1)) })),
    );
  }

  @Get('file')
  @EndWithSession()
  file() {
    const body = new Readable({ read: () => undefined });
    body.push('begun');
    return new StreamableFile(body);
  }
}

let poll: Gate;
beforeEach(() => void (poll = gate()));

/** All of whose responses end with the session, those that end it included. */
@Controller('class')
@EndWithSession()
class EndingController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService<Data>) {}

  @Sse('events')
  async events(@Session() session: Session<Data>): Promise<Observable<MessageEvent>> {
    session.data['seen'] = true;
    await session.commit();
    return NEVER.pipe(startWith({ data: session.id }));
  }

  @Get('raw')
  async raw(@Session() session: Session<Data>, @Res() response: Reply) {
    session.data['seen'] = true;
    await session.commit();
    response.hijack?.();
    const raw = response.raw ?? response;
    raw.writeHead(200, { 'content-type': 'text/plain' });
    raw.write(`data: ${session.id}\n`);
  }

  @Get('poll')
  async poll() {
    await poll.pass();
    return { ok: true };
  }

  @Post('login')
  @HttpCode(200)
  async login() {
    await this.sessions.login('bob');
    return { ok: true };
  }

  @Post('logout')
  @HttpCode(200)
  @Logout()
  logout() {
    return { ok: true };
  }

  @Post('clear')
  @HttpCode(200)
  async clear() {
    await this.sessions.clear();
    return { ok: true };
  }

  @Post('revoke')
  @HttpCode(200)
  async revoke(@Session() session: Session<Data>) {
    return { ended: await this.sessions.revokeAll(session.subject!) };
  }
}

type Reply = ServerResponse & { raw?: ServerResponse; hijack?(): void };

/** A response that is still running. */
async function listen(url: string, cookie: string) {
  const [response] = (await once(get(url, { headers: { cookie } }), 'response')) as [IncomingMessage];
  const running = { text: '', ended: false, cut: false, close: () => response.destroy() };
  response.on('data', (part) => (running.text += String(part)));
  response.on('end', () => (running.ended = true));
  response.on('error', () => (running.cut = true));
  await until(() => running.text !== '');
  return running;
}

async function run(platform: PlatformName) {
  const controllers = [AppController, StreamController, EndingController];
  const running = await start(platform, { controllers });
  const sessions = running.app.get<SessionService<Data>>(SessionService);
  return { ...running, sessions, cookie: await loginAs(running.app, 'alice') };
}

describe.each(platforms)('running responses on %s', (platform) => {
  it('end with their session where they ask for it: a stream of events with a last one', async () => {
    const { url, cookie, sessions } = await run(platform);
    const [ending, staying] = [await listen(`${url}/ending`, cookie), await listen(`${url}/staying`, cookie)];
    await sessions.revokeAll('alice');
    await until(() => ending.ended);
    expect(ending.text).toContain('event: session-ended');
    expect(ending.text).toContain('data: {"code":4401,"reason":"revoked"}');
    expect(staying).toMatchObject({ ended: false, cut: false });
    staying.close();
  });

  it('end with their session where they ask for it: any other one is cut off', async () => {
    const { url, cookie, sessions } = await run(platform);
    const file = await listen(`${url}/file`, cookie);
    await sessions.revokeAll('alice');
    await until(() => file.cut);
    expect(file.text).toBe('begun');
  });

  it('end when the time of the session is over', async () => {
    const { url, cookie, clock } = await run(platform);
    const ending = await listen(`${url}/ending`, cookie);
    clock.advance('30m');
    await until(() => ending.ended);
    expect(ending.text).toContain('"reason":"idle"');
  });

  it('can update the session while they run', async () => {
    const { url, cookie, sessions } = await run(platform);
    const counting = await listen(`${url}/counting`, cookie);
    source.next(undefined);
    await until(() => counting.text.includes('data: 2'));
    expect((await sessions.open({ cookie })).data).toEqual({ n: 2 });
    counting.close();
  });

  it('leave nothing behind when their client goes', async () => {
    const { app, url, cookie } = await run(platform);
    const { attachments } = app.get<{ attachments: { size: { attached: number } } }>(SESSION_ENGINE);
    const [one, other] = [await listen(`${url}/ending`, cookie), await listen(`${url}/file`, cookie)];
    expect(attachments.size.attached).toBe(2);
    one.close();
    other.close();
    await until(() => attachments.size.attached === 0);
  });

  it.each(['events', 'raw'])('end with a session that the handler stored first: %s', async (path) => {
    const { url, sessions } = await run(platform);
    const running = await listen(`${url}/class/${path}`, '');
    const [, id] = /data: (\S+)/.exec(running.text)!;
    await sessions.revoke(id!);
    await until(() => running.ended || running.cut);
  });

  it('end before they began where the session ended elsewhere', async () => {
    const { url, cookie, sessions } = await run(platform);
    const polling = once(get(`${url}/class/poll`, { headers: { cookie } }), 'response');
    await poll.reached;
    await sessions.revokeAll('alice');
    await expect(polling).rejects.toMatchObject({ code: 'ECONNRESET' });
    poll.open();
  });

  it.each([
    ['logout', ''],
    ['clear', ''],
    ['revoke', ''],
    ['login', 'bob'],
  ])('are complete where the request itself ended the session: %s', async (path, then) => {
    const { url } = await run(platform);
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.post(`/class/${path}`)).status).toBe(200);
    expect(browser.cookie === '').toBe(then === '');
    expect((await browser.get('/look')).json()).toMatchObject({ subject: then || null });
  });
});
