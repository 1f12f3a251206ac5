import type { ServerResponse } from 'node:http';
import { Controller, Get, Post, Query, Res, Sse } from '@nestjs/common';
import { isSessionError, Session, SessionService } from 'nest-sessions';
import { concatMap, defer, from, type Observable } from 'rxjs';
import { AppController } from '../../support/app.js';
import { sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';

afterEach(closeAll);

interface Data {
  seen?: number;
}

type Reply = ServerResponse & { raw?: ServerResponse };

/** What happens between two events, after the head was sent. */
let between: (session: Session<Data>) => Promise<unknown> = () => Promise.resolve();

@Controller()
class StreamController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('begin') begin(@Session() session: Session<Data>) {
    session.data.seen = 0;
  }

  @Post('revoke-me') async revokeMe(@Session() session: Session<Data>) {
    await this.sessions.revoke(session.id);
  }

  @Get('late') async late(@Session() session: Session<Data>, @Res() reply: Reply): Promise<void> {
    const response = reply.raw ?? reply;
    response.write('first');
    response.end(await updated(session));
  }

  @Get('late-message') async lateMessage(
    @Session() session: Session<Data>,
    @Res() reply: Reply,
    @Query('first') first?: string,
  ): Promise<void> {
    if (first === 'update') session.data.seen = 1;
    await session.commit();
    const response = reply.raw ?? reply;
    response.write('-');
    const change = session.update('seen', (seen = 0) => seen + 1);
    response.end(await change.then(String, (error: Error) => error.message));
  }

  @Get('events') @Sse('events') events(@Session() session: Session<Data>): Observable<{ data: string }> {
    return from([1, 2, 3]).pipe(
      concatMap((n) =>
        defer(async () => {
          if (n > 1) await between(session);
          return { data: `${n}:${await updated(session)}` };
        }),
      ),
    );
  }
}

/** The number that is stored, or the code of the error. */
async function updated(session: Session<Data>): Promise<string> {
  try {
    return String(await session.update('seen', (seen = 0) => seen + 1));
  } catch (error) {
    return isSessionError(error) ? error.code : String(error);
  }
}

async function open(site: (typeof sites)[number][0]) {
  const { url } = await start(site, { controllers: [AppController, StreamController] });
  const browser = new Browser(url);
  const events = async () => {
    const { body } = await browser.get('/events');
    return [...body.matchAll(/data: (.*)/g)].map(([, data]) => data);
  };
  return { browser, events };
}

describe.each(sites)('update() in server-sent events on %s', (site) => {
  const { writesWithoutResponse } = site.backend;
  beforeEach(() => (between = () => Promise.resolve()));

  it('writes into a store after the head was sent, and throws over sealed cookies', async () => {
    const { browser, events } = await open(site);
    await browser.post('/begin');
    // Over sealed cookies only what is done before the first event gets into the cookie.
    const told = await events();
    const after = writesWithoutResponse ? ['2:2', '3:3'] : ['2:ERR_HEAD_SENT', '3:ERR_HEAD_SENT'];
    expect(told.slice(1)).toEqual(after);
    const { data } = (await browser.get('/look')).json<{ data: Data }>();
    expect(data.seen).toBe(writesWithoutResponse ? 3 : told[0] === '1:1' ? 1 : 0);
  });

  it('throws in a session that is not stored, which needs a cookie', async () => {
    const { browser } = await open(site);
    expect((await browser.get('/late')).body).toBe('firstERR_HEAD_SENT');
    expect(browser.cookie).toBe('');
  });

  it('says what to do in a session that is not stored', async () => {
    const { browser } = await open(site);
    const { body } = await browser.get('/late-message');
    expect(body).toMatch(
      writesWithoutResponse ? /this session was never stored, so no cookie/ : /Change it earlier/,
    );
    const after = await browser.get('/late-message?first=update');
    expect(after.body).toMatch(writesWithoutResponse ? /^-2$/ : /Change it earlier/);
  });

  it('waits for the commit that stores a new session', async () => {
    const { events } = await open(site);
    const after = writesWithoutResponse ? ['2:2', '3:3'] : ['2:ERR_HEAD_SENT', '3:ERR_HEAD_SENT'];
    expect(await events()).toEqual(['1:1', ...after]);
  });
});

describe.each(sites.filter(([site]) => site.backend.writesWithoutResponse))(
  'update() in server-sent events on %s',
  (site) => {
    it('sees what other requests write meanwhile', async () => {
      const { browser, events } = await open(site);
      await browser.post('/begin');
      between = async () => void (await browser.post('/data', { seen: 100 }));
      const told = await events();
      expect(told.slice(1)).toEqual(['2:101', '3:101']);
    });

    it('throws once the session was ended', async () => {
      const { browser, events } = await open(site);
      await browser.post('/begin');
      const { cookie } = browser;
      between = async () => void (await browser.post('/revoke-me', undefined, { cookie }));
      expect((await events()).slice(1)).toEqual(['2:ERR_SESSION_ENDED', '3:ERR_SESSION_ENDED']);
    });
  },
);
