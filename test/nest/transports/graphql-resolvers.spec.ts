import { setImmediate } from 'node:timers/promises';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module, UseGuards, UseInterceptors } from '@nestjs/common';
import {
  Args,
  Field,
  GraphQLModule,
  Int,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import {
  LoginGuard,
  Logout,
  Relogin,
  Session,
  SessionInterceptor,
  SessionService,
  type SessionModuleOptions,
} from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { Browser, type Ask } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';

afterEach(closeAll);

@ObjectType()
class Item {
  @Field()
  name!: string;

  @Field(() => String, { nullable: true })
  owner?: string | null;
}

@Resolver(() => Item)
class ItemResolver {
  @Query(() => [Item])
  items(): Partial<Item>[] {
    return ['a', 'b', 'c'].map((name) => ({ name }));
  }

  /** Called for all items at once. */
  @ResolveField(() => String)
  @UseGuards(LoginGuard)
  async owner(@Parent() item: Item, @Session() session: Session<Data>) {
    await session.update('seen', (seen) => Number(seen ?? 0) + 1);
    return `${session.subject} of ${item.name}`;
  }
}

@Resolver()
class SessionResolver {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Query(() => String, { nullable: true })
  subject(@Session() session: Session<Data>) {
    return session.subject;
  }

  @Query(() => String, { nullable: true })
  value(@Session('cart') cart: string | undefined) {
    return cart;
  }

  @Query(() => Boolean)
  same(@Session() session: Session<Data>) {
    return this.sessions.current === session;
  }

  @Query(() => String, { nullable: true })
  @UseGuards(LoginGuard)
  guarded() {
    return 'guarded';
  }

  @Query(() => String, { nullable: true })
  @Relogin('5m')
  sensitive() {
    return 'sensitive';
  }

  @Query(() => String, { nullable: true })
  remember(@Session() session: Session<Data>, @Args('key') key: string) {
    session.data[key] = true;
    return key;
  }

  @Query(() => String, { nullable: true })
  @UseInterceptors(SessionInterceptor)
  committed(@Session() session: Session<Data>) {
    session.data['committed'] = true;
    return 'committed';
  }

  /** Fails when the other fields of the query are done. */
  @Query(() => String, { nullable: true })
  @Logout()
  async failedLast() {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    throw new Error('This field fails.');
  }

  @Query(() => Int)
  count(@Session() session: Session<Data>) {
    return session.update('n', (n) => Number(n ?? 0) + 1);
  }

  @Mutation(() => String, { nullable: true })
  set(@Session() session: Session<Data>, @Args('key') key: string) {
    session.data[key] = true;
    return key;
  }

  @Mutation(() => String, { nullable: true })
  async login(@Args('user') user: string) {
    await this.sessions.login(user);
    return user;
  }

  @Mutation(() => String, { nullable: true })
  async relogin() {
    await this.sessions.relogin();
    return 'again';
  }

  @Mutation(() => String, { nullable: true })
  @Logout()
  logout() {
    return 'bye';
  }

  @Mutation(() => String, { nullable: true })
  @Logout()
  failedLogout() {
    throw new Error('This field fails.');
  }

  @Mutation(() => String, { nullable: true })
  fail(@Session() session: Session<Data>) {
    session.data['failed'] = true;
    throw new Error('This field fails.');
  }
}

interface Result {
  data: Record<string, unknown> | null;
  errors?: { path: string[]; extensions: { originalError?: { statusCode: number; code: string } } }[];
}

@Module({
  imports: [
    GraphQLModule.forRoot<ApolloDriverConfig>({
      driver: ApolloDriver,
      autoSchemaFile: true,
      allowBatchedHttpRequests: true,
      fieldResolverEnhancers: ['guards'],
      introspection: false,
    }),
  ],
  providers: [SessionResolver, ItemResolver],
})
class GraphqlModule {}

async function run(platform: PlatformName, options: Partial<SessionModuleOptions> = {}) {
  const store = new SpyStore();
  const running = await start(platform, {
    controllers: [AppController],
    imports: [GraphqlModule],
    options: { store, rotateEvery: false, ...options },
  });
  const browser = new Browser(running.url);
  const send = (body: object, ask?: Ask) => browser.post('/graphql', body, ask);
  const query = async (text: string, ask?: Ask) => (await send({ query: text }, ask)).json<Result>();
  const codes = ({ errors = [] }: Result) =>
    errors.map(({ path, extensions: { originalError } }) => [path.join('.'), originalError?.code]);
  return { ...running, store, browser, send, query, codes };
}

describe.each(platforms)('resolvers of Apollo Server on %s', (platform) => {
  it.each([true, false])('have the session of their request (context: %s)', async (context) => {
    const { browser, query } = await run(platform, { context });
    expect(await query('{ subject value }')).toEqual({ data: { subject: null, value: null } });
    await browser.post('/data', { cart: 'full' });
    expect(await query('{ value }')).toEqual({ data: { value: 'full' } });
  });

  it('log in, and are the current session', async () => {
    const { browser, query } = await run(platform);
    expect(await query('mutation { login(user: "alice") }')).toEqual({ data: { login: 'alice' } });
    expect(await query('{ subject same }')).toEqual({ data: { subject: 'alice', same: true } });
    expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
  });

  it('are guarded by LoginGuard, one by one', async () => {
    const { query, codes } = await run(platform);
    const refused = await query('{ subject guarded }');
    expect(refused.data).toEqual({ subject: null, guarded: null });
    expect(codes(refused)).toEqual([['guarded', 'ERR_LOGIN_REQUIRED']]);
    await query('mutation { login(user: "alice") }');
    expect(await query('{ subject guarded }')).toEqual({ data: { subject: 'alice', guarded: 'guarded' } });
  });

  it('ask for a recent login with @Relogin()', async () => {
    const { query, codes, clock } = await run(platform);
    await query('mutation { login(user: "alice") }');
    expect(await query('{ sensitive }')).toEqual({ data: { sensitive: 'sensitive' } });
    clock.advance('6m');
    const refused = await query('{ subject sensitive }');
    expect(refused.data).toEqual({ subject: 'alice', sensitive: null });
    expect(codes(refused)).toEqual([['sensitive', 'ERR_RELOGIN_REQUIRED']]);
    await query('mutation { relogin }');
    expect(await query('{ sensitive }')).toEqual({ data: { sensitive: 'sensitive' } });
  });

  it('end the session with @Logout(), and the response takes the cookie away', async () => {
    const { browser, query, store } = await run(platform);
    await query('mutation { login(user: "alice") }');
    expect(await query('mutation { logout }')).toEqual({ data: { logout: 'bye' } });
    expect([browser.cookie, store.records()]).toEqual(['', []]);
    expect(await query('{ subject }')).toEqual({ data: { subject: null } });
  });

  it('do not end it if the field of @Logout() fails', async () => {
    const { browser, query } = await run(platform);
    await query('mutation { login(user: "alice") }');
    const failed = await query('mutation { failedLogout }');
    expect([failed.data, failed.errors?.length]).toEqual([{ failedLogout: null }, 1]);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('do not end it either if another field commits meanwhile', async () => {
    const { browser, query } = await run(platform);
    await query('mutation { login(user: "alice") }');
    const { data } = await query('{ failedLast committed }');
    expect(data).toEqual({ failedLast: null, committed: 'committed' });
    expect((await browser.get('/look')).json()).toMatchObject({
      subject: 'alice',
      data: { committed: true },
    });
  });

  it('commit once for all fields of a query', async () => {
    const { browser, query, store, clock } = await run(platform);
    await query('mutation { login(user: "alice") }');
    clock.advance('2m');
    store.forget();
    await query('{ a: remember(key: "a") b: remember(key: "b") c: remember(key: "c") subject }');
    expect(store.calls.map(({ question }) => question)).toEqual(['load', 'commit']);
    expect((await browser.get('/look')).json()).toMatchObject({ data: { a: true, b: true, c: true } });
  });

  it('keep what the other fields did if one fails', async () => {
    const { browser, query, store } = await run(platform);
    await query('mutation { login(user: "alice") }');
    store.forget();
    const { data, errors } = await query('mutation { set(key: "a") fail b: set(key: "b") }');
    expect([data, errors?.map(({ path }) => path)]).toEqual([{ set: 'a', fail: null, b: 'b' }, [['fail']]]);
    expect(store.calls.map(({ question }) => question)).toEqual(['load', 'commit']);
    expect((await browser.get('/look')).json()).toMatchObject({ data: { a: true, b: true, failed: true } });
  });

  it('log out although another field fails', async () => {
    const { browser, query } = await run(platform);
    await query('mutation { login(user: "alice") }');
    const { data } = await query('mutation { logout fail }');
    expect(data).toEqual({ logout: 'bye', fail: null });
    expect(browser.cookie).toBe('');
    expect((await browser.get('/me')).status).toBe(401);
  });

  it.each([
    ['{ subject }', true],
    ['{ subject sensitive }', true],
    ['{ sensitive }', false],
    ['mutation { set(key: "a") fail }', true],
    ['mutation { failedLogout }', false],
  ])('are activity if one of them passes its guards: %s (%s)', async (text, counts) => {
    const { query, store, clock } = await run(platform);
    await query('mutation { login(user: "alice") }');
    clock.advance('10m');
    await query(text);
    expect(store.records()[0]!.lastSeenAt === clock.now()).toBe(counts);
  });

  it('resolve the fields of many objects at once', async () => {
    const { browser, query, codes } = await run(platform);
    const refused = await query('{ items { name owner } }');
    expect(codes(refused)).toEqual([0, 1, 2].map((n) => [`items.${n}.owner`, 'ERR_LOGIN_REQUIRED']));
    await query('mutation { login(user: "alice") }');
    expect((await query('{ items { owner } }')).data).toEqual({
      items: ['a', 'b', 'c'].map((name) => ({ owner: `alice of ${name}` })),
    });
    expect((await browser.get('/look')).json()).toMatchObject({ data: { seen: 3 } });
  });

  it('share the session of a batch of operations, which commits once', async () => {
    const { browser, send, query, store } = await run(platform);
    await query('mutation { login(user: "alice") }');
    const counting = Array.from({ length: 5 }, () => ({ query: '{ count }' }));
    const counted = (await send(counting)).json<Result[]>();
    expect(counted.map(({ data }) => Number(data!['count'])).sort()).toEqual([1, 2, 3, 4, 5]);
    store.forget();
    await send(['a', 'b', 'c'].map((key) => ({ query: `{ remember(key: "${key}") }` })));
    expect(store.calls.map(({ question }) => question)).toEqual(['load', 'commit']);
    expect((await browser.get('/look')).json()).toMatchObject({ data: { n: 5, a: true, b: true, c: true } });
  });

  it('log one operation of a batch out, and the others with it', async () => {
    const { browser, send, query, store } = await run(platform);
    await query('mutation { login(user: "alice") }');
    const batch = ['{ subject }', 'mutation { logout }', '{ same }'].map((text) => ({ query: text }));
    expect((await send(batch)).status).toBe(200);
    expect([browser.cookie, store.records()]).toEqual(['', []]);
  });

  it('refuse what another site sends', async () => {
    const { query, codes } = await run(platform);
    const foreign = { headers: { 'sec-fetch-site': 'cross-site' } };
    const refused = await query('mutation { login(user: "mallory") }', foreign);
    expect(refused.data).toEqual({ login: null });
    expect(codes(refused)).toEqual([['login', 'ERR_CROSS_ORIGIN']]);
  });

  it('fail as one if the session cannot be loaded', async () => {
    const { send, query, store } = await run(platform);
    await query('mutation { login(user: "alice") }');
    store.fail('rejects', 'load');
    const answer = await send({ query: '{ subject value }' });
    expect([answer.status, answer.json()]).toEqual([
      503,
      expect.objectContaining({ statusCode: 503, code: 'ERR_STORE_UNAVAILABLE' }),
    ]);
    store.heal();
    expect(await query('{ subject }')).toEqual({ data: { subject: 'alice' } });
  });
});
