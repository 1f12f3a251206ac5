import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { Controller, Get, Sse, StreamableFile, UseGuards, type MessageEvent } from '@nestjs/common';
import { concatMap, NEVER, startWith, Subject as Source, type Observable } from 'rxjs';
import { EndWithSession, LoginGuard, Session, SessionService } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { SESSION_ENGINE } from '../../../lib/nest/options/tokens.js';
import { AppController, type Data } from '../../support/app.js';
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
  const running = await start(platform, { controllers: [AppController, StreamController] });
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
});
