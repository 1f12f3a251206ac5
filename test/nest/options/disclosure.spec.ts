import { Controller, Get, Logger, Post, Req } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { inspect } from 'node:util';
import { Session, SessionService } from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { disclosure } from '../../support/disclosure.js';
import { closeAll, start } from '../../support/platforms.js';

afterEach(closeAll);

/** What somebody who debugs prints. */
const shown = (value: unknown): string =>
  [inspect(value, { depth: 12, showHidden: true, getters: true }), JSON.stringify(value), String(value)].join(
    '\n',
  );

@Controller('debug')
class DebugController {
  readonly #logger = new Logger('debug');

  constructor(private readonly sessions: SessionService<Data>) {}

  @Get('cookie')
  cookie(@Req() { headers }: IncomingMessage) {
    this.#logger.debug(headers.cookie);
    return { ok: true };
  }

  @Get('part')
  part(@Req() { headers: { cookie = '' } }: IncomingMessage) {
    this.#logger.debug(`cookie of ${cookie.length} octets, …${cookie.slice(-40, -10)}…`);
    return { ok: true };
  }

  @Get('id')
  id(@Session() session: Session<Data>) {
    this.#logger.debug(session.id);
    return { id: session.id };
  }

  /** Before and after each thing that gives the session another secret. */
  @Post('everything')
  async everything(@Session() session: Session<Data>) {
    const print = () => this.#logger.verbose(shown({ session, current: this.sessions.current }));
    print();
    this.#logger.verbose(shown(await this.sessions.relogin({}).catch((error: unknown) => error)));
    await this.sessions.login('alice');
    print();
    session.data['a'] = 1;
    await session.commit();
    print();
    await this.sessions.relogin({});
    print();
    await this.sessions.regenerate({});
    print();
    this.#logger.verbose(shown(this.sessions));
    return { ok: true };
  }

  @Post('ended')
  async ended(@Session() session: Session<Data>) {
    await this.sessions.logout();
    this.#logger.verbose(shown(session));
    session.data['a'] = 1;
    this.#logger.verbose(shown(await session.commit().catch((error: unknown) => error)));
    return { ok: true };
  }
}

describe.each(sites)('what an application prints, on %s', (site) => {
  async function visit() {
    const { url } = await start(site, { controllers: [AppController, DebugController] });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    return browser;
  }

  it.each([
    ['the cookie in a log', '/debug/cookie', 'a log'],
    ['a part of the cookie in a log', '/debug/part', 'a log'],
  ])('is seen to disclose %s', async (_, path, where) => {
    const browser = await visit();
    await browser.get(path);
    const found = disclosure.take();
    expect(found).toHaveLength(1);
    expect(found[0]!.startsWith(`${where}: `)).toBe(true);
  });

  it('discloses nothing with the id of the session', async () => {
    const browser = await visit();
    await browser.get('/debug/id');
    expect(disclosure.take()).toEqual([]);
  });

  it('discloses nothing with the session, the service and errors, whatever happened to them', async () => {
    const browser = await visit();
    expect((await browser.post('/debug/everything')).status).toBe(201);
    expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
    await browser.post('/debug/ended');
    expect(disclosure.take()).toEqual([]);
  });
});
