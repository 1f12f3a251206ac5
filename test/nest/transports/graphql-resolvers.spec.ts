import { setImmediate } from 'node:timers/promises';
import { UseGuards, UseInterceptors } from '@nestjs/common';
import {
  Args,
  Field,
  Int,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import {
  Cacheable,
  LoginGuard,
  Logout,
  Passive,
  Relogin,
  Session,
  SessionInterceptor,
  SessionService,
  Subject,
  type SessionModuleOptions,
} from 'nest-sessions';
import type { Data } from '../../support/app.js';
import type { Ask } from '../../support/browser.js';
import { closeAll } from '../../support/platforms.js';
import { codesOf, drivers, startGraphql, type Driver, type Result } from './graphql-drivers.js';

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
  items(@Session() session: Session<Data>): Partial<Item>[] {
    return ['a', 'b', 'c'].map((name) => ({ name, session }));
  }

  @Query(() => [Item])
  @Passive()
  polled(): Partial<Item>[] {
    return [{ name: 'a' }];
  }

  /** Called for all items at once. */
  @ResolveField(() => String)
  @UseGuards(LoginGuard)
  async owner(@Parent() item: Item, @Session() session: Session<Data>) {
    await session.update('seen', (seen) => Number(seen ?? 0) + 1);
    return `${session.subject} of ${item.name}`;
  }

  @ResolveField(() => Boolean)
  same(@Parent() item: Item & { session?: object }, @Session() session: Session<Data>) {
    return item.session === session;
  }
}

/** What happens while `overtaken` is resolved, once for all fields. */
let meanwhile = (): Promise<unknown> => Promise.resolve();

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

  @Query(() => String, { nullable: true })
  whoami(@Subject() subject: string) {
    return subject;
  }

  @Query(() => String, { nullable: true })
  @Passive()
  poll(@Session() session: Session<Data>) {
    return session.subject;
  }

  @Query(() => String, { nullable: true })
  @Cacheable()
  motd(@Session() session: Session<Data>) {
    return `welcome to ${session.state === 'new' ? 'all' : 'all again'}`;
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

  /** Cannot be left out, so the response has no data without a recent login, and with Mercurius a status of 401. */
  @Query(() => String)
  @Relogin('5m')
  needed() {
    return 'needed';
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

  @Query(() => String, { nullable: true })
  @UseInterceptors(SessionInterceptor)
  async overtaken(@Session() session: Session<Data>, @Args('key') key: string) {
    await meanwhile();
    session.data[key] = true;
    return key;
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

  @Mutation(() => Int)
  counted(@Session() session: Session<Data>) {
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

async function run(driver: Driver, options: Partial<SessionModuleOptions> = {}) {
  const running = await startGraphql(driver, { providers: [SessionResolver, ItemResolver], options });
  const { client } = running;
  const query = (text: string, ask?: Ask) => client.query(text, ask);
  return { ...running, query, send: (body: object) => client.operate(body) };
}

describe.each(drivers)('resolvers of %s', (_, driver) => {
  it.each([true, false])('have the session of their request (context: %s)', async (context) => {
    const { client, query } = await run(driver, { context });
    expect(await query('{ subject value }')).toEqual({ data: { subject: null, value: null } });
    await client.post('/data', { cart: 'full' });
    expect(await query('{ value }')).toEqual({ data: { value: 'full' } });
  });

  it('fail each, if a re-login overtakes what they have changed', async () => {
    const { client, query } = await run(driver);
    await query('mutation { login(user: "alice") }');
    let relogin: Promise<unknown> | undefined;
    meanwhile = () => (relogin ??= client.post('/relogin', {}));
    const overtaken = await query('{ one: overtaken(key: "a") other: overtaken(key: "b") }');
    expect(codesOf(overtaken)).toEqual([
      ['one', 'ERR_LOGIN_REQUIRED'],
      ['other', 'ERR_LOGIN_REQUIRED'],
    ]);
    expect((await client.get('/look')).json()).toMatchObject({ subject: 'alice', data: {} });
  });

  it('log in, and are the current session', async () => {
    const { client, query } = await run(driver);
    expect(await query('mutation { login(user: "alice") }')).toEqual({ data: { login: 'alice' } });
    expect(await query('{ subject same }')).toEqual({ data: { subject: 'alice', same: true } });
    expect((await client.get('/me')).json()).toEqual({ subject: 'alice' });
  });

  it('have the subject, or refuse', async () => {
    const { query } = await run(driver);
    const refused = await query('{ whoami subject }');
    expect([refused.data, codesOf(refused)]).toEqual([
      { whoami: null, subject: null },
      [['whoami', 'ERR_LOGIN_REQUIRED']],
    ]);
    await query('mutation { login(user: "alice") }');
    expect(await query('{ whoami }')).toEqual({ data: { whoami: 'alice' } });
  });

  it('are guarded by LoginGuard, one by one', async () => {
    const { query } = await run(driver);
    const refused = await query('{ subject guarded }');
    expect(refused.data).toEqual({ subject: null, guarded: null });
    expect(codesOf(refused)).toEqual([['guarded', 'ERR_LOGIN_REQUIRED']]);
    await query('mutation { login(user: "alice") }');
    expect(await query('{ subject guarded }')).toEqual({ data: { subject: 'alice', guarded: 'guarded' } });
  });

  it('ask for a recent login with @Relogin()', async () => {
    const { query, clock } = await run(driver);
    await query('mutation { login(user: "alice") }');
    expect(await query('{ sensitive }')).toEqual({ data: { sensitive: 'sensitive' } });
    clock.advance('6m');
    const refused = await query('{ subject sensitive }');
    expect(refused.data).toEqual({ subject: 'alice', sensitive: null });
    expect(codesOf(refused)).toEqual([['sensitive', 'ERR_RELOGIN_REQUIRED']]);
    await query('mutation { relogin }');
    expect(await query('{ sensitive }')).toEqual({ data: { sensitive: 'sensitive' } });
  });

  it('end the session with @Logout(), and the response takes the cookie away', async () => {
    const { client, query, store } = await run(driver);
    await query('mutation { login(user: "alice") }');
    expect(await query('mutation { logout }')).toEqual({ data: { logout: 'bye' } });
    expect([client.cookie, store.records()]).toEqual(['', []]);
    expect(await query('{ subject }')).toEqual({ data: { subject: null } });
  });

  it('do not end it if the field of @Logout() fails', async () => {
    const { client, query } = await run(driver);
    await query('mutation { login(user: "alice") }');
    const failed = await query('mutation { failedLogout }');
    expect([failed.data, failed.errors?.length]).toEqual([{ failedLogout: null }, 1]);
    expect((await client.get('/me')).status).toBe(200);
  });

  it('do not end it either if another field commits meanwhile', async () => {
    const { client, query } = await run(driver);
    await query('mutation { login(user: "alice") }');
    const { data } = await query('{ failedLast committed }');
    expect(data).toEqual({ failedLast: null, committed: 'committed' });
    expect((await client.get('/look')).json()).toMatchObject({
      subject: 'alice',
      data: { committed: true },
    });
  });

  it('commit once for all fields of a query', async () => {
    const { client, query, store, clock } = await run(driver);
    await query('mutation { login(user: "alice") }');
    clock.advance('2m');
    store.forget();
    await query('{ a: remember(key: "a") b: remember(key: "b") c: remember(key: "c") subject }');
    expect(store.calls.map(({ question }) => question)).toEqual(['load', 'commit']);
    expect((await client.get('/look')).json()).toMatchObject({ data: { a: true, b: true, c: true } });
  });

  it('keep what the other fields did if one fails', async () => {
    const { client, query, store } = await run(driver);
    await query('mutation { login(user: "alice") }');
    store.forget();
    const { data, errors } = await query('mutation { set(key: "a") fail b: set(key: "b") }');
    expect([data, errors?.map(({ path }) => path)]).toEqual([{ set: 'a', fail: null, b: 'b' }, [['fail']]]);
    expect(store.calls.map(({ question }) => question)).toEqual(['load', 'commit']);
    expect((await client.get('/look')).json()).toMatchObject({ data: { a: true, b: true, failed: true } });
  });

  it('log out although another field fails', async () => {
    const { client, query } = await run(driver);
    await query('mutation { login(user: "alice") }');
    const { data } = await query('mutation { logout fail }');
    expect(data).toEqual({ logout: 'bye', fail: null });
    expect(client.cookie).toBe('');
    expect((await client.get('/me')).status).toBe(401);
  });

  it.each([
    ['{ subject }', true],
    ['{ subject sensitive }', true],
    ['{ sensitive }', false],
    ['{ subject needed }', true],
    ['{ needed }', false],
    ['mutation { set(key: "a") fail }', true],
    ['mutation { failedLogout }', false],
    ['{ poll }', false],
    ['{ poll motd }', true],
    ['{ polled { name } }', false],
    // Whose resolver asks for it: the field of the operation is passive.
    ['{ polled { same owner } }', false],
    ['{ items { owner } }', true],
  ])('are activity if one of them passes its guards: %s (%s)', async (text, counts) => {
    const { query, store, clock } = await run(driver);
    await query('mutation { login(user: "alice") }');
    clock.advance('10m');
    await query(text);
    expect(store.records()[0]!.lastSeenAt === clock.now()).toBe(counts);
  });

  it('are activity if one operation of a batch is, whatever the others', async () => {
    const { send, query, store, clock } = await run(driver);
    await query('mutation { login(user: "alice") }');
    clock.advance('10m');
    await send(['{ needed }', '{ subject }'].map((text) => ({ query: text })));
    expect(store.records()[0]!.lastSeenAt).toBe(clock.now());
  });

  it.each([
    ['login(user: "bob")', 1, true],
    ['relogin', 1, true],
    ['counted', 1, false],
    ['logout', 0, true],
  ])('run under ten aliases one after the other: %s', async (field, left, cookie) => {
    const { client, send, query, store } = await run(driver);
    await query('mutation { login(user: "alice") }');
    const aliases = Array.from({ length: 10 }, (_ten, n) => `a${n}: ${field}`);
    const { status, setCookies } = await send({ query: `mutation { ${aliases.join(' ')} }` });
    expect([status, store.records().length]).toEqual([200, left]);
    expect(setCookies.filter((one) => one.startsWith('__Host-session='))).toHaveLength(cookie ? 1 : 0);
    const { subject = null, data = {} } = store.records()[0] ?? {};
    expect((await client.get('/look')).json()).toMatchObject({ subject });
    expect(data['n']).toBe(field === 'counted' ? '10' : undefined);
  });

  it('leave a response to shared caches only if all of them do', async () => {
    const { send } = await run(driver);
    const isPrivate = async (text: string) => {
      const { headers } = await send({ query: text });
      return String(headers.vary).includes('Cookie');
    };
    expect(await isPrivate('{ motd }')).toBe(false);
    expect(await isPrivate('{ motd again: motd }')).toBe(false);
    expect(await isPrivate('{ motd subject }')).toBe(true);
    expect(await isPrivate('{ subject motd }')).toBe(true);
    expect(await isPrivate('{ motd guarded }')).toBe(true);
  });

  it('share the session with the resolvers of fields', async () => {
    const { query } = await run(driver);
    const same = ['a', 'b', 'c'].map(() => ({ same: true }));
    expect(await query('{ items { same } }')).toEqual({ data: { items: same } });
  });

  it('resolve the fields of many objects at once', async () => {
    const { client, query } = await run(driver);
    const refused = await query('{ items { name owner } }');
    expect(codesOf(refused)).toEqual([0, 1, 2].map((n) => [`items.${n}.owner`, 'ERR_LOGIN_REQUIRED']));
    await query('mutation { login(user: "alice") }');
    expect((await query('{ items { owner } }')).data).toEqual({
      items: ['a', 'b', 'c'].map((name) => ({ owner: `alice of ${name}` })),
    });
    expect((await client.get('/look')).json()).toMatchObject({ data: { seen: 3 } });
  });

  it('share the session of a batch of operations, which commits once', async () => {
    const { client, send, query, store } = await run(driver);
    await query('mutation { login(user: "alice") }');
    const counting = Array.from({ length: 5 }, () => ({ query: '{ count }' }));
    const counted = (await send(counting)).json<Result[]>();
    expect(counted.map(({ data }) => Number(data!['count'])).sort()).toEqual([1, 2, 3, 4, 5]);
    store.forget();
    await send(['a', 'b', 'c'].map((key) => ({ query: `{ remember(key: "${key}") }` })));
    expect(store.calls.map(({ question }) => question)).toEqual(['load', 'commit']);
    expect((await client.get('/look')).json()).toMatchObject({ data: { n: 5, a: true, b: true, c: true } });
  });

  it('log one operation of a batch out, and the others with it', async () => {
    const { client, send, query, store } = await run(driver);
    await query('mutation { login(user: "alice") }');
    const batch = ['{ subject }', 'mutation { logout }', '{ same }'].map((text) => ({ query: text }));
    expect((await send(batch)).status).toBe(200);
    expect([client.cookie, store.records()]).toEqual(['', []]);
  });

  it('refuse what another site sends', async () => {
    const { query } = await run(driver);
    const foreign = { headers: { 'sec-fetch-site': 'cross-site' } };
    const refused = await query('mutation { login(user: "mallory") }', foreign);
    expect(refused.data).toEqual({ login: null });
    expect(codesOf(refused)).toEqual([['login', 'ERR_CROSS_ORIGIN']]);
  });

  it('fail as one if the session cannot be loaded', async () => {
    const { send, query, store } = await run(driver);
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
