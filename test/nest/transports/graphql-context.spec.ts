import { UseGuards } from '@nestjs/common';
import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import { AllowCrossOrigin, LoginGuard, Logout, Session, SessionService } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import type { Data } from '../../support/app.js';
import { closeAll } from '../../support/platforms.js';
import { Client, codesOf, drivers, startGraphql, type Driver, type GraphqlSetup } from './graphql-drivers.js';

/** The mutations that were carried out. */
let done: string[];
beforeEach(() => void (done = []));
afterEach(closeAll);

@Resolver()
class AccountResolver {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Query(() => String, { nullable: true })
  subject(@Session() session: Session<Data>) {
    return session.subject;
  }

  @Query(() => String, { nullable: true })
  @UseGuards(LoginGuard)
  guarded() {
    return 'guarded';
  }

  /** Has nothing to do with sessions. */
  @Mutation(() => String, { nullable: true })
  touch() {
    done.push('touch');
    return 'touched';
  }

  @Mutation(() => String, { nullable: true })
  @AllowCrossOrigin()
  report() {
    done.push('report');
    return 'reported';
  }

  @Mutation(() => String, { nullable: true })
  async login(@Args('user') user: string, @Session() session: Session<Data>) {
    done.push('login');
    await this.sessions.login(user, { session });
    return user;
  }

  @Mutation(() => String, { nullable: true })
  @Logout()
  logout() {
    done.push('logout');
    return 'bye';
  }
}

const run = (driver: Driver, setup: Partial<GraphqlSetup> = {}) =>
  startGraphql(driver, { providers: [AccountResolver], ...setup });

const LOGIN = 'mutation { login(user: "mallory") }';

/** The error of a resolver whose context has the request of another client. */
const SHARED: unknown = expect.objectContaining({
  message: expect.stringContaining('shared by all requests') as string,
  extensions: expect.objectContaining({ code: 'ERR_NO_SESSION' }) as object,
});

const cases = drivers.flatMap(([name, driver]) =>
  [true, false].map((context): [string, boolean, Driver] => [name, context, driver]),
);

describe.each(cases)('the cross-site check of %s (context: %s)', (_, context, driver) => {
  it.each([
    ['Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }],
    ['Origin', { origin: 'https://evil.example' }],
  ])('refuses mutations of another site by %s', async (_header, headers) => {
    const { app, client, store } = await run(driver, { options: { context } });
    const cookie = await loginAs(app, 'alice');
    const foreign = { headers: headers as Record<string, string>, cookie };
    for (const text of [LOGIN, 'mutation { touch }', 'mutation { logout }']) {
      const { data, errors } = await client.query(text, foreign);
      expect(Object.values(data!)).toEqual([null]);
      expect(codesOf({ data, errors: errors! }).map(([, code]) => code)).toEqual(['ERR_CROSS_ORIGIN']);
    }
    expect(done).toEqual([]);
    expect(store.records()).toMatchObject([{ subject: 'alice' }]);
  });

  it('refuses each operation of a batch', async () => {
    const { client } = await run(driver, { options: { context } });
    const batch = [LOGIN, 'mutation { touch }'].map((query) => ({ query }));
    const foreign = { headers: { 'sec-fetch-site': 'cross-site' } };
    const results = (await client.operate(batch, foreign)).json<{ errors: { extensions: object }[] }[]>();
    expect(results.map(({ errors }) => errors.map(({ extensions }) => extensions))).toEqual([
      [expect.objectContaining({ code: 'ERR_CROSS_ORIGIN' })],
      [expect.objectContaining({ code: 'ERR_CROSS_ORIGIN' })],
    ]);
    expect(done).toEqual([]);
  });

  it('lets its own site pass, those of the option, and @AllowCrossOrigin()', async () => {
    const allow = ['https://app.example.com'];
    const { client, url } = await run(driver, { options: { context, crossOrigin: { allow } } });
    const own = [{}, { 'sec-fetch-site': 'same-origin' }, { origin: url }, { origin: allow[0]! }];
    for (const headers of own as Record<string, string>[])
      expect(await client.query('mutation { touch }', { headers })).toEqual({ data: { touch: 'touched' } });
    const foreign = { headers: { origin: 'https://evil.example' } };
    expect(await client.query('mutation { report }', foreign)).toEqual({ data: { report: 'reported' } });
  });

  it.each([
    ['a function', () => ({ shop: 'tea' })],
    ['a function that returns nothing', () => undefined],
  ])('and the session hold with %s as the option "context" of the driver', async (_what, given) => {
    const { client } = await run(driver, { context: given, options: { context } });
    expect(await client.query('mutation { login(user: "alice") }')).toEqual({ data: { login: 'alice' } });
    expect(await client.query('{ subject guarded }')).toEqual({
      data: { subject: 'alice', guarded: 'guarded' },
    });
    const foreign = { headers: { 'sec-fetch-site': 'cross-site' } };
    expect(codesOf(await client.query('mutation { touch }', foreign))).toEqual([
      ['touch', 'ERR_CROSS_ORIGIN'],
    ]);
  });

  it('never gives a request the session of another, where the context of the driver is one object', async () => {
    const { client: alice, url } = await run(driver, {
      context: { shop: 'tea' },
      options: { context },
    });
    await alice.query('mutation { login(user: "alice") }');
    await alice.query('{ subject }');
    const { data, errors } = await new Client(url).query('{ subject }');
    expect(data).toEqual({ subject: null });
    // Mercurius shares the object, with the first request in it. Apollo makes a copy for each request, since Nest 12.
    if (driver.refusal === 401) expect(errors).toEqual([SHARED]);
    for (const error of errors ?? []) expect(error).toEqual(SHARED);
  });

  it('nor where the context keeps the first request', async () => {
    let first: object | undefined;
    const keep = (given: { req?: object }) => ({ req: (first ??= given.req ?? given) });
    const { client: alice, url } = await run(driver, { context: keep, options: { context } });
    expect(await alice.query('mutation { login(user: "alice") }')).toEqual({ data: { login: 'alice' } });
    const { data, errors } = await new Client(url).query('{ subject }');
    expect([data, errors]).toEqual([{ subject: null }, [SHARED]]);
  });
});

describe.each(drivers)('%s', (_, driver) => {
  it('has the session of a request that offers an upgrade', async () => {
    const { app, client } = await run(driver);
    const ask = {
      cookie: await loginAs(app, 'alice'),
      headers: { connection: 'close, Upgrade', upgrade: 'h2c' },
    };
    expect(await client.query('{ subject guarded }', ask)).toEqual({
      data: { subject: 'alice', guarded: 'guarded' },
    });
  });
});

describe.each(drivers)('%s whose context hides the request', (_, driver) => {
  /** Takes the place of the request, so that @nestjs/graphql adds none. */
  const hidden = () => ({ req: { user: 'nobody' }, reply: undefined });

  it('has the session by the asynchronous context, and its cross-site check', async () => {
    const { client } = await run(driver, { context: hidden });
    expect(await client.query('mutation { login(user: "alice") }')).toEqual({ data: { login: 'alice' } });
    expect(await client.query('{ subject }')).toEqual({ data: { subject: 'alice' } });
    const foreign = { headers: { 'sec-fetch-site': 'cross-site' } };
    expect(codesOf(await client.query('mutation { touch }', foreign))).toEqual([
      ['touch', 'ERR_CROSS_ORIGIN'],
    ]);
  });

  it('without it has a typed error, and is no anonymous session', async () => {
    const { app, client } = await run(driver, { context: hidden, options: { context: false } });
    const cookie = await loginAs(app, 'alice');
    const results = [
      await client.query('{ subject }', { cookie }),
      await client.query('{ guarded }', { cookie }),
    ];
    if (driver.refusal === 401) {
      // Mercurius itself adds the reply, and with it the request.
      expect(results).toEqual([{ data: { subject: 'alice' } }, { data: { guarded: 'guarded' } }]);
      return;
    }
    const error = (what: string) => ({
      message: expect.stringMatching(`${what}: .*"context"`) as string,
      extensions: { code: 'ERR_NO_SESSION' },
    });
    expect(results).toMatchObject([
      { data: { subject: null }, errors: [error('^@Session\\(\\)')] },
      { data: { guarded: null }, errors: [error('^LoginGuard')] },
    ]);
    // It may come from anywhere.
    const touched = await client.query('mutation { touch }');
    expect([touched.data, codesOf(touched), done]).toEqual([
      { touch: null },
      [['touch', 'ERR_NO_SESSION']],
      [],
    ]);
    expect(await client.query('mutation { report }')).toEqual({ data: { report: 'reported' } });
  });
});
