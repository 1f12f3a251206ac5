import {
  applyDecorators,
  type CallHandler,
  Controller,
  type ExecutionContext,
  HttpCode,
  HttpException,
  Injectable,
  type NestInterceptor,
  Post,
  Query,
  UseInterceptors,
} from '@nestjs/common';
import { Logout, Session, SessionInterceptor, SessionService, type SessionError } from 'nest-sessions';
import { defer, from, map, race, type Observable } from 'rxjs';
import { AppController, type Data } from '../../support/app.js';
import { type BackendSite, sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { gate as makeGate, type Gate } from '../../support/gate.js';
import { closeAll, start } from '../../support/platforms.js';

afterEach(closeAll);

/** Where handlers wait, and the end of their patience, which the specs decide. */
let working: Gate;
let timeout: Gate;
/** What became of the handler that nobody waits for any more. */
let done: Promise<Outcome>;
let finish: (outcome: Outcome) => void;

/** The error code of each change, or "none". */
type Outcome = Record<string, string>;

beforeEach(() => {
  [working, timeout] = [makeGate(), makeGate()];
  done = new Promise((resolve) => (finish = resolve));
});

interface Reply {
  header(name: string, value: string): void;
}

/** Responds in place of a handler that takes too long, with a value, a redirect or a failure. */
@Injectable()
class TimeoutInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { status } = context.switchToHttp().getRequest<{ query: { status: string } }>().query;
    const late = defer(() => from(timeout.pass())).pipe(
      map(() => {
        if (status === '200') return { late: true };
        context.switchToHttp().getResponse<Reply>().header('Location', '/later');
        throw new HttpException('Later', Number(status));
      }),
    );
    return race(next.handle(), late);
  }
}

const codeOf = async (change: () => unknown): Promise<string> => {
  try {
    await change();
    return 'none';
  } catch (error) {
    return (error as Partial<SessionError>).code ?? String(error);
  }
};

const Work = (path: string, ...decorators: MethodDecorator[]) =>
  applyDecorators(Post(path), HttpCode(200), ...decorators);

@Controller('slow')
@UseInterceptors(TimeoutInterceptor)
class SlowController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Work('plain')
  plain(@Session() session: Session<Data>) {
    return this.#work(session);
  }

  @Work('bound', UseInterceptors(SessionInterceptor))
  bound(@Session() session: Session<Data>) {
    return this.#work(session);
  }

  @Work('logout', Logout())
  logout(@Session() session: Session<Data>) {
    return this.#work(session);
  }

  /** Its function is at work when the response is sent. */
  @Work('update')
  async update(@Session() session: Session<Data>) {
    const change = () =>
      session.update('n', async () => {
        await working.pass();
        return 1;
      });
    finish({ update: await codeOf(change) });
    return { ok: true };
  }

  async #work(session: Session<Data>) {
    session.data['before'] = true;
    await working.pass();
    finish({
      set: await codeOf(() => (session.data['after'] = true)),
      remove: await codeOf(() => delete session.data['kept']),
      replace: await codeOf(() => (session.data = {})),
      update: await codeOf(() => session.update('after', () => true)),
      login: await codeOf(() => this.sessions.login('mallory', { session })),
      relogin: await codeOf(() => this.sessions.relogin({ session })),
      regenerate: await codeOf(() => this.sessions.regenerate({ session })),
      logout: await codeOf(() => this.sessions.logout({ session })),
      clear: await codeOf(() => this.sessions.clear({ session })),
    });
    return { ok: true };
  }

  /** Not too late at all. */
  @Work('in-time', UseInterceptors(SessionInterceptor))
  inTime(@Session() session: Session<Data>, @Query('status') _status: string) {
    session.data['before'] = true;
    return { ok: true };
  }
}

const ALL_TOO_LATE = Object.fromEntries(
  ['set', 'remove', 'replace', 'update', 'login', 'relogin', 'regenerate', 'logout', 'clear'].map(
    (change) => [change, 'ERR_HEAD_SENT'],
  ),
);

async function run(site: BackendSite) {
  const running = await start(site, {
    controllers: [AppController, SlowController],
    options: { idle: '30m' },
  });
  const browser = new Browser(running.url);
  await browser.post('/login', { user: 'alice' });
  await browser.post('/data', { kept: 1 });
  const sessions = running.app.get<SessionService<Data>>(SessionService);
  /** The response that comes while the handler is still at work, and then what the handler may do. */
  const abandon = async (path: string, status: number) => {
    const asked = browser.post(`/slow/${path}?status=${status}`);
    await working.reached;
    timeout.open();
    const answer = await asked;
    working.open();
    return { answer, outcome: await done };
  };
  return { ...running, browser, sessions, abandon };
}

const STATUSES = [200, 303];

describe.each(sites)('a handler that an outer interceptor abandoned, on %s', (site) => {
  const each = ['plain', 'bound', 'logout'].flatMap((path) =>
    STATUSES.map((status): [string, number] => [path, status]),
  );

  it.each(each)(
    '(%s, %s) can change nothing after the response, except by update() over a store',
    async (path, status) => {
      const { browser, sessions, abandon } = await run(site);
      const { answer, outcome } = await abandon(path, status);
      expect(answer.status).toBe(status);
      if (status === 200) expect(answer.json()).toEqual({ late: true });
      // Over a store `update()` needs no head: it writes as it does in a stream.
      const stored = site.backend.writesWithoutResponse;
      expect(outcome).toEqual(stored ? { ...ALL_TOO_LATE, update: 'none' } : ALL_TOO_LATE);
      const { subject, data } = (await browser.get('/look')).json();
      expect({ subject, data }).toEqual({
        subject: 'alice',
        data: { kept: 1, before: true, ...(stored && { after: true }) },
      });
      expect(await sessions.list('alice')).toHaveLength(1);
      expect(await sessions.list('mallory')).toEqual([]);
    },
  );

  it.each(STATUSES)('(%s) is no activity if the interceptor of the session is bound', async (status) => {
    const { browser, abandon, clock } = await run(site);
    clock.advance('20m');
    await abandon('bound', status);
    clock.advance('11m');
    expect((await browser.get('/me')).status).toBe(401);
  });

  it.each([...STATUSES, 503])('(%s) is as the response says if it is not', async (status) => {
    const { browser, abandon, clock } = await run(site);
    clock.advance('20m');
    await abandon('plain', status);
    clock.advance('11m');
    expect((await browser.get('/me')).status).toBe(status < 400 ? 200 : 401);
  });

  it.each(STATUSES)('(%s) is no logout, and no activity either', async (status) => {
    const { browser, abandon, clock } = await run(site);
    clock.advance('20m');
    await abandon('logout', status);
    expect((await browser.send('/poll', {})).status).toBe(200);
    clock.advance('11m');
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('is activity if it was in time', async () => {
    const { browser, clock } = await run(site);
    clock.advance('20m');
    expect((await browser.post('/slow/in-time?status=200')).json()).toEqual({ ok: true });
    clock.advance('11m');
    expect((await browser.get('/me')).status).toBe(200);
  });

  it.each(STATUSES)('(%s) learns whether the update that it began before is stored', async (status) => {
    const { browser, abandon } = await run(site);
    const { outcome } = await abandon('update', status);
    const { data } = (await browser.get('/look')).json<{ data: Data }>();
    // Where the session is in the cookie, there is no cookie any more that could take the value.
    const stored = site.backend.writesWithoutResponse;
    expect([outcome['update'], data['n']]).toEqual(stored ? ['none', 1] : ['ERR_HEAD_SENT', undefined]);
  });
});
