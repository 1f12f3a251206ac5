import {
  Catch,
  Controller,
  Get,
  HttpCode,
  Post,
  Query,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, BaseExceptionFilter } from '@nestjs/core';
import {
  isSessionError,
  Session,
  SessionError,
  SessionHttpException,
  SessionInterceptor,
  SessionService,
  type SessionFailure,
  type SessionModuleOptions,
} from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore, type Question } from '../../support/spy-store.js';

afterEach(closeAll);

type Act = (session: Session<Data>, sessions: SessionService<Data>) => unknown;

const acts: Record<string, Act> = {
  'relogin without a login': (session, sessions) => sessions.relogin({ session }),
  'login, store failing': (session, sessions) => sessions.login('bob', { session }),
  'regenerate, store failing': (session, sessions) => sessions.regenerate({ session }),
  'list, store failing': (_, sessions) => sessions.list('alice'),
  'revoke, store failing': (_, sessions) => sessions.revoke('A'.repeat(22)),
  'revokeAll, store failing': (_, sessions) => sessions.revokeAll('alice'),
  'update, store failing': (session) => session.update('a', () => 1),
  'commit, store failing': async (session) => {
    session.data['a'] = 1;
    await session.commit();
  },
  'change of an ended session': async (session, sessions) => {
    await sessions.logout({ session });
    session.data['a'] = 1;
  },
  'update of an ended session': async (session, sessions) => {
    await sessions.logout({ session });
    await session.update('a', () => 1);
  },
  'login beyond the limit': (session, sessions) => sessions.login('alice', { session }),
  'data of the wrong kind': (session) => (session.data = 1 as unknown as Data),
  'data that is no JSON': (session) => (session.data['a'] = 1n),
  'a subject that is none': (session, sessions) => sessions.login('', { session }),
};

let thrown: unknown;

/** Hears of exceptions as an application's own filter does, and leaves the response to Nest. */
@Catch()
class HearingFilter extends BaseExceptionFilter implements ExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    thrown = error;
    super.catch(error, host);
  }
}

@Controller()
class ActController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('act')
  @HttpCode(200)
  async act(@Session() session: Session<Data>, @Query('what') what: string) {
    await acts[what]!(session, this.sessions);
    return { ok: true };
  }

  @Get('without-session') withoutSession(@Session() session: Session<Data>) {
    return { id: session.id };
  }
}

type Bound = 'none' | 'bound';

async function open(platform: PlatformName, bound: Bound, options: Partial<SessionModuleOptions> = {}) {
  thrown = undefined;
  const store = new SpyStore();
  const sink = new LogSink();
  const running = await start(platform, {
    controllers: [AppController, ActController],
    options: { store, exclude: ['without-session'], ...options },
    providers: [
      { provide: APP_FILTER, useClass: HearingFilter },
      ...(bound === 'bound' ? [{ provide: APP_INTERCEPTOR, useExisting: SessionInterceptor }] : []),
    ],
    prepare: sink.attach,
  });
  return { ...running, store, sink, browser: new Browser(running.url) };
}

const everywhere = platforms.flatMap(([platform]) =>
  (['none', 'bound'] as const).map((bound): [PlatformName, Bound] => [platform, bound]),
);

const HTML = { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } };
const FAILING: Question[] = ['create', 'commit', 'list', 'destroy', 'markRevoked'];

describe.each(everywhere)('an error within a request on %s, interceptor: %s', (platform, bound) => {
  it.each<[string, number, string, string]>([
    ['relogin without a login', 401, 'ERR_NOT_LOGGED_IN', 'ERR_LOGIN_REQUIRED'],
    ['login, store failing', 503, 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE'],
    ['regenerate, store failing', 503, 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE'],
    ['list, store failing', 503, 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE'],
    ['revoke, store failing', 503, 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE'],
    ['revokeAll, store failing', 503, 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE'],
    ['update, store failing', 503, 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE'],
    ['commit, store failing', 503, 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE'],
    ['change of an ended session', 401, 'ERR_SESSION_ENDED', 'ERR_LOGIN_REQUIRED'],
    ['update of an ended session', 401, 'ERR_SESSION_ENDED', 'ERR_LOGIN_REQUIRED'],
    ['login beyond the limit', 409, 'ERR_SESSION_LIMIT', 'ERR_SESSION_LIMIT'],
  ])('is an exception of HTTP where it is thrown: %s', async (what, status, code, told) => {
    for (const context of [true, false]) {
      const options = { maxSessions: 1, onExceeded: 'reject', context } as const;
      const { url, browser, store } = await open(platform, bound, options);
      await new Browser(url).post('/act?what=login beyond the limit'.replaceAll(' ', '+'));
      await browser.post('/data', { first: 1 });
      if (status === 503) store.fail('rejects', ...FAILING);
      const answer = await browser.post(`/act?what=${what.replaceAll(' ', '+')}`);
      expect([answer.status, answer.json()['code']]).toEqual([status, told]);
      expect(thrown).toBeInstanceOf(SessionHttpException);
      expect(isSessionError(thrown)).toBe(true);
      const { code: seen, cause } = thrown as SessionHttpException & { cause: SessionError };
      expect([seen, cause.code, cause.name]).toEqual([code, code, 'SessionError']);
      expect(answer.body).not.toContain(cause.message);
    }
  });

  it.each([
    ['data of the wrong kind', 'ERR_DATA_INVALID'],
    ['a subject that is none', 'ERR_SUBJECT'],
    ['no session on this route', 'ERR_NO_SESSION'],
  ])('that is a mistake of the application is a plain 500, and logged: %s', async (what, code) => {
    const { browser, sink } = await open(platform, bound);
    const answer =
      code === 'ERR_NO_SESSION'
        ? await browser.get('/without-session')
        : await browser.post(`/act?what=${what.replaceAll(' ', '+')}`);
    expect([answer.status, answer.json()]).toEqual([
      500,
      { statusCode: 500, message: 'Internal server error' },
    ]);
    expect(thrown).toMatchObject({ name: 'SessionError', code, statusCode: undefined });
    expect(sink.text).toContain((thrown as Error).message);
  });
});

describe.each(platforms)('the response to a session that cannot be stored on %s', (platform) => {
  const write = (browser: Browser, ask = {}) => browser.post('/data', { a: 1 }, ask);

  async function failing(options: Partial<SessionModuleOptions> = {}, bound: Bound = 'none') {
    const running = await open(platform, bound, options);
    running.store.fail('rejects', 'create');
    return running;
  }

  it('is a page for a browser, and JSON for anybody else', async () => {
    const { browser } = await failing();
    const page = await write(browser, HTML);
    expect([page.status, page.headers['content-type']]).toEqual([503, 'text/html; charset=utf-8']);
    expect(page.body).toMatch(/<title>Service Unavailable<\/title>[\s\S]*Please try again later\./);
    const json = await write(browser);
    expect([json.status, json.headers['content-type']]).toEqual([503, 'application/json; charset=utf-8']);
    expect(json.json()).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    for (const { headers } of [page, json]) expect(headers.vary).toMatch(/\bAccept\b/);
    expect(thrown).toBeUndefined();
  });

  it('is what the option renders', async () => {
    const failures: SessionFailure[] = [];
    const { browser } = await failing({
      renderFailure(failure) {
        failures.push(failure);
        return { contentType: 'text/plain; charset=utf-8', body: `${failure.status}: später` };
      },
    });
    const answer = await write(browser, { headers: { 'accept-language': 'de' } });
    expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([
      503,
      'text/plain; charset=utf-8',
      '503: später',
    ]);
    expect(failures).toMatchObject([
      {
        status: 503,
        code: 'ERR_STORE_UNAVAILABLE',
        message: expect.stringContaining('Please try again later') as string,
        headers: { 'accept-language': 'de' },
      },
    ]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no template');
      },
    ],
    ['returns nothing', () => undefined],
    ['returns a promise', () => Promise.resolve({ contentType: 'text/plain', body: '' })],
    ['returns no text', () => ({ contentType: 'text/plain', body: Buffer.from('') })],
    ['returns a type that no header can have', () => ({ contentType: 'text/plain\r\nX: y', body: '' })],
    ['returns no type', () => ({ body: '' })],
  ])('is the usual one where the option %s, and the log tells of it', async (_, render) => {
    const { browser, sink } = await failing({ renderFailure: render as () => never });
    const answer = await write(browser);
    expect([answer.status, answer.json()['code']]).toEqual([503, 'ERR_STORE_UNAVAILABLE']);
    expect(sink.text).toContain('renderFailure');
  });

  it('is rendered by the filters of the application with the interceptor', async () => {
    let rendered = 0;
    const renderFailure = () => ({ contentType: 'text/plain', body: String(++rendered) });
    const { browser } = await failing({ renderFailure }, 'bound');
    const answer = await write(browser, HTML);
    expect([answer.status, answer.json()['code']]).toEqual([503, 'ERR_STORE_UNAVAILABLE']);
    expect(thrown).toBeInstanceOf(SessionHttpException);
    expect(rendered).toBe(0);
  });

  it('reveals nothing of an error that does not come from a store', async () => {
    const codes: unknown[] = [];
    const { browser, sink } = await open(platform, 'none', {
      renderFailure({ status, code, message }) {
        codes.push([status, code]);
        return { contentType: 'text/plain', body: message };
      },
    });
    const answer = await browser.post('/act?what=data+that+is+no+JSON');
    expect([answer.status, answer.body, codes]).toEqual([500, 'Internal server error', [[500, undefined]]]);
    expect(sink.text).toContain('cannot be written as JSON');
  });
});
