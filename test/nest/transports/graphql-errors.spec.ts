import { UseGuards } from '@nestjs/common';
import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import {
  LoginGuard,
  Logout,
  Relogin,
  Session,
  SessionService,
  type SessionModuleOptions,
} from 'nest-sessions';
import type { Data } from '../../support/app.js';
import { closeAll } from '../../support/platforms.js';
import { Client, codesOf, drivers, startGraphql, type Driver } from './graphql-drivers.js';

afterEach(closeAll);

@Resolver()
class GuardedResolver {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Query(() => String, { nullable: true })
  state(@Session() session: Session<Data>) {
    return session.state;
  }

  @Query(() => String, { nullable: true })
  @UseGuards(LoginGuard)
  guarded() {
    return 'guarded';
  }

  @Query(() => String, { nullable: true })
  @Relogin('5m')
  recent() {
    return 'recent';
  }

  @Query(() => String, { nullable: true })
  @Relogin({ within: '1h', factor: 'otp' })
  proved() {
    return 'proved';
  }

  /** Cannot be left out, so the response has no data. */
  @Query(() => String)
  @Relogin({ within: '1h', factor: 'otp' })
  needed() {
    return 'needed';
  }

  @Query(() => String)
  @UseGuards(LoginGuard)
  private() {
    return 'private';
  }

  @Mutation(() => String, { nullable: true })
  async login(@Args('user') user: string) {
    await this.sessions.login(user);
    return user;
  }

  @Mutation(() => String, { nullable: true })
  async late(@Session() session: Session<Data>) {
    await this.sessions.revokeAll(session.subject!);
    await this.sessions.relogin();
    return 'late';
  }

  @Mutation(() => String, { nullable: true })
  @Logout()
  logout() {
    return 'bye';
  }
}

const run = (driver: Driver, options: Partial<SessionModuleOptions> = {}) =>
  startGraphql(driver, { providers: [GuardedResolver], options });

const LOGIN = 'mutation { login(user: "alice") }';

describe.each(drivers)('errors of %s', (_, driver) => {
  const only = async (query: Promise<{ errors?: { extensions: object }[] }>) => {
    const { errors = [] } = await query;
    expect(errors).toHaveLength(1);
    // Of development: Apollo sends it unless NODE_ENV is production.
    const { stacktrace: _stack, ...extensions } = errors[0]!.extensions as Record<string, unknown>;
    return extensions;
  };

  it('have the code of the refusal, and nothing else where there is nothing else to say', async () => {
    const { client } = await run(driver);
    expect(await only(client.query('{ guarded }'))).toEqual({ code: 'ERR_LOGIN_REQUIRED' });
    expect(await only(client.query('{ proved }'))).toEqual({ code: 'ERR_LOGIN_REQUIRED' });
  });

  it('of a re-login have the parameters of the challenge of RFC 9470', async () => {
    const { client, clock } = await run(driver);
    await client.query(LOGIN);
    clock.advance('6m');
    expect(await only(client.query('{ recent }'))).toEqual({ code: 'ERR_RELOGIN_REQUIRED', max_age: 300 });
    expect(await only(client.query('{ proved }'))).toEqual({
      code: 'ERR_RELOGIN_REQUIRED',
      max_age: 3600,
      acr_values: 'otp',
    });
  });

  it('of a refused cross-site operation have its code', async () => {
    const { client } = await run(driver);
    const foreign = { headers: { 'sec-fetch-site': 'cross-site' } };
    expect(await only(client.query(LOGIN, foreign))).toEqual({ code: 'ERR_CROSS_ORIGIN' });
  });

  it('that a call of the service throws have theirs', async () => {
    const { client, url } = await run(driver, { maxSessions: 1, onExceeded: 'reject' });
    await client.query(LOGIN);
    expect(await only(new Client(url).query(LOGIN))).toEqual({ code: 'ERR_SESSION_LIMIT' });
  });

  it('of a session that was ended meanwhile ask for a login, as over HTTP', async () => {
    const { client } = await run(driver);
    await client.query(LOGIN);
    expect(await only(client.query('mutation { late }'))).toEqual({ code: 'ERR_LOGIN_REQUIRED' });
  });

  it('of a resolver without a session name the cause, and are no "Internal server error"', async () => {
    const { client } = await run(driver, { exclude: ['graphql'] });
    for (const [text, what] of [
      ['{ state }', '@Session()'],
      ['mutation { logout }', '@Logout()'],
    ] as const) {
      const { data, errors } = await client.query(text);
      expect(Object.values(data!)).toEqual([null]);
      expect(errors).toMatchObject([
        { message: expect.stringMatching(/exclude/) as string, extensions: { code: 'ERR_NO_SESSION' } },
      ]);
      expect(errors![0]!.message.startsWith(what)).toBe(true);
    }
    expect(codesOf(await client.query('{ guarded }'))).toEqual([['guarded', 'ERR_LOGIN_REQUIRED']]);
  });

  it('that leave a response without data have the challenge where its status is 401', async () => {
    const { client } = await run(driver);
    const challenges: unknown[] = [];
    for (const text of ['{ private }', '{ needed }']) {
      const { status, headers } = await client.operate({ query: text });
      challenges.push([status, headers['www-authenticate']]);
      await client.query(LOGIN);
    }
    const stale =
      'Session error="insufficient_user_authentication", error_description="A more recent login is required", max_age="3600", acr_values="otp"';
    const [first, second] = driver.refusal === 401 ? ['Session', stale] : [undefined, undefined];
    expect(challenges).toEqual([
      [driver.refusal, first],
      [driver.refusal, second],
    ]);
    expect((await client.operate({ query: '{ state }' })).headers['www-authenticate']).toBeUndefined();
  });
});
