import { readFileSync } from 'node:fs';
import {
  Catch,
  Controller,
  Get,
  Post,
  UnauthorizedException,
  UseFilters,
  UseInterceptors,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import {
  isSessionError,
  Relogin,
  Session,
  SessionError,
  SessionHttpException,
  SessionInterceptor,
  SessionService,
  Subject,
  type SessionErrorCode,
  type SessionModuleOptions,
} from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { Browser, type Answer } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';

afterEach(closeAll);

/** The codes for which docs/errors.md promises a 401. */
const DOCUMENTED = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(ERR_\w+)` +\| 401/gm)].map(
  ([, code]) => code as SessionErrorCode,
);

/** Those of them that a call of the service or the session throws; guards and decorators throw the others. */
const THROWN = DOCUMENTED.filter((code) => new SessionError(code, '').statusCode === 401);

interface AnyResponse {
  header(name: string, value: string): AnyResponse;
  status(code: number): AnyResponse;
  send(body: unknown): void;
}

const responseOf = (host: ArgumentsHost): AnyResponse => host.switchToHttp().getResponse<AnyResponse>();

/** Renders a page of its own, as applications for browsers do. */
@Catch(SessionHttpException)
class PageFilter implements ExceptionFilter {
  catch(error: SessionHttpException, host: ArgumentsHost) {
    responseOf(host).status(error.statusCode).send('<h1>Who are you?</h1>');
  }
}

/** Has a challenge of its own. */
@Catch()
class BasicFilter implements ExceptionFilter {
  catch(_: unknown, host: ArgumentsHost) {
    responseOf(host).header('WWW-Authenticate', 'Basic realm="shop"').status(401).send('');
  }
}

@Controller('asks')
class AskingController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Get('decorator')
  decorator(@Subject() subject: string) {
    return { subject };
  }

  @Get('decorator-page')
  @UseFilters(PageFilter)
  decoratorPage(@Subject() subject: string) {
    return { subject };
  }

  @Post('service')
  async service() {
    await this.sessions.regenerate();
  }

  @Post('session')
  async session(@Session() session: Session<Data>) {
    session.data['n'] = 1;
    await session.commit();
  }

  @Post('update')
  async update(@Session() session: Session<Data>) {
    await session.update('n', () => 1);
  }

  @Post('late')
  late(@Session() session: Session<Data>) {
    session.data['n'] = 1;
  }

  @Post('interceptor')
  @UseInterceptors(SessionInterceptor)
  interceptor(@Session() session: Session<Data>) {
    session.data['n'] = 1;
  }

  @Post('page')
  @UseFilters(PageFilter)
  async page() {
    await this.sessions.regenerate();
  }

  @Post('own-words')
  async ownWords() {
    await this.sessions.regenerate().catch(() => {
      throw new UnauthorizedException('Who are you?');
    });
  }

  @Post('own-challenge')
  @UseFilters(BasicFilter)
  async ownChallenge() {
    await this.sessions.regenerate();
  }

  @Post('recovers')
  async recovers() {
    await this.sessions.regenerate().catch(() => undefined);
    return { ok: true };
  }

  @Post('wrong-password')
  wrongPassword(@Session() session: Session<Data>) {
    throw new UnauthorizedException({ id: session.id });
  }

  @Post('meanwhile')
  async meanwhile(@Session() session: Session<Data>) {
    await this.sessions.revokeAll(session.subject!);
    await this.sessions.relogin();
  }

  @Post('meanwhile-page')
  @UseFilters(PageFilter)
  async meanwhilePage() {
    try {
      await this.sessions.relogin();
    } catch (error) {
      // Looks at the error, and lets a filter render it.
      if (isSessionError(error)) throw error;
    }
  }

  @Get('factor')
  @Relogin({ within: '1m', factor: 'webauthn' })
  factor() {
    return { ok: true };
  }

  @Get('odd-factor')
  @Relogin({ within: '1m', factor: 'my "own" phone' })
  oddFactor() {
    return { ok: true };
  }
}

async function open(platform: PlatformName, options: Partial<SessionModuleOptions> = {}) {
  const store = new SpyStore();
  const running = await start(platform, {
    controllers: [AppController, AskingController],
    options: { store, ...options },
  });
  const login = async () => {
    const browser = new Browser(running.url);
    await browser.post('/login', { user: 'alice' });
    return browser;
  };
  return { ...running, store, login, browser: new Browser(running.url) };
}

const seen = ({ status, headers }: Answer) => [status, headers['www-authenticate']];

it('the table of errors names every 401', () => {
  expect(DOCUMENTED).toEqual(
    expect.arrayContaining(['ERR_LOGIN_REQUIRED', 'ERR_RELOGIN_REQUIRED', 'ERR_SESSION_EVICTED']),
  );
  expect(THROWN).toEqual(
    expect.arrayContaining(['ERR_NOT_LOGGED_IN', 'ERR_SESSION_ENDED', 'ERR_LOGIN_REVOKED']),
  );
});

describe.each(platforms)('the challenge of a 401 on %s', (platform) => {
  const ways = ['service', 'session', 'update', 'late', 'interceptor', 'page', 'own-words'];

  it.each(THROWN.flatMap((code) => ways.map((way) => [code, way] as const)))(
    'is there for %s, by the way of: %s',
    async (code, way) => {
      const { login, store } = await open(platform);
      const browser = await login();
      store.gate = (question) =>
        question === 'commit' ? Promise.reject(new SessionError(code, 'spec')) : Promise.resolve();
      expect(seen(await browser.post(`/asks/${way}`))).toEqual([401, 'Session']);
    },
  );

  it.each(['/me', '/sensitive', '/asks/decorator', '/asks/decorator-page'])(
    'is there for a visitor who is not logged in: %s',
    async (path) => {
      const { browser } = await open(platform);
      expect(seen(await browser.get(path))).toEqual([401, 'Session']);
    },
  );

  it.each(['/relogin', '/asks/meanwhile-page'])(
    'is there for relogin() without a login: %s',
    async (path) => {
      const { browser } = await open(platform);
      expect(seen(await browser.post(path, {}))).toEqual([401, 'Session']);
    },
  );

  it('is there for a session that ended meanwhile', async () => {
    const { login } = await open(platform);
    expect(seen(await (await login()).post('/asks/meanwhile'))).toEqual([401, 'Session']);
  });

  it('is there for a login that was evicted', async () => {
    const { login } = await open(platform, { maxSessions: 1 });
    const evicted = await login();
    await login();
    const answer = await evicted.get('/me');
    expect(answer.json()).toMatchObject({ code: 'ERR_SESSION_EVICTED' });
    expect(seen(answer)).toEqual([401, 'Session']);
  });

  it('stays what the application made of it', async () => {
    const { login, store } = await open(platform);
    const browser = await login();
    store.gate = (question) =>
      question === 'commit'
        ? Promise.reject(new SessionError('ERR_SESSION_ENDED', 'spec'))
        : Promise.resolve();
    expect(seen(await browser.post('/asks/own-challenge'))).toEqual([401, 'Basic realm="shop"']);
  });

  it('is not there in another response, nor in a 401 that is none of ours', async () => {
    const { login, store } = await open(platform);
    const browser = await login();
    expect(seen(await browser.post('/asks/wrong-password'))).toEqual([401, undefined]);
    expect(seen(await browser.get('/me'))).toEqual([200, undefined]);
    store.gate = (question) =>
      question === 'commit'
        ? Promise.reject(new SessionError('ERR_SESSION_ENDED', 'spec'))
        : Promise.resolve();
    expect(seen(await browser.post('/asks/recovers'))).toEqual([201, undefined]);
  });

  it('names the factor that is missing, and the age that a login may have', async () => {
    const { login } = await open(platform);
    const browser = await login();
    const refused = await browser.get('/asks/factor');
    const [status, challenge] = seen(refused);
    expect(status).toBe(401);
    expect(refused.json()).toMatchObject({ maxAge: 60, acrValues: 'webauthn' });
    expect(challenge).toBe(
      'Session error="insufficient_user_authentication", error_description="A more recent login is required", max_age="60", acr_values="webauthn"',
    );
  });

  it('leaves out a factor that cannot stand in a header', async () => {
    const { login } = await open(platform);
    const refused = await (await login()).get('/asks/odd-factor');
    const [status, challenge] = seen(refused);
    expect(refused.json()).not.toHaveProperty('acrValues');
    expect(status).toBe(401);
    expect(challenge).toMatch(/max_age="60"$/);
  });
});
