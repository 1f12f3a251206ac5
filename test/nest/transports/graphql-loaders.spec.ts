import { setImmediate } from 'node:timers/promises';
import { Injectable, UseGuards } from '@nestjs/common';
import { Args, Field, Mutation, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import DataLoader from 'dataloader';
import { LoginGuard, Session, SessionService, type SessionModuleOptions } from 'nest-sessions';
import type { Data } from '../../support/app.js';
import { gate, type Gate } from '../../support/gate.js';
import { closeAll } from '../../support/platforms.js';
import { Client, drivers, startGraphql, type Driver } from './graphql-drivers.js';

/** The keys of each batch, with the user whose request it belongs to. */
let batches: [string, readonly string[]][];
/** Where the resolvers of one user wait. */
let waiting: Gate;

beforeEach(() => {
  batches = [];
  waiting = gate();
});

afterEach(closeAll);

type Loader = DataLoader<string, string>;

/** A loader for each session of a request, as docs/graphql.md has it. */
@Injectable()
class Loaders {
  readonly #loaders = new WeakMap<object, Loader>();

  of(session: Session<Data>): Loader {
    const loader = this.#loaders.get(session) ?? new DataLoader((keys) => this.#load(session, keys));
    this.#loaders.set(session, loader);
    return loader;
  }

  async #load(session: Session<Data>, keys: readonly string[]): Promise<string[]> {
    batches.push([session.subject!, keys]);
    await session.update('loads', (loads) => Number(loads ?? 0) + 1);
    session.data[`of ${session.subject}`] = keys.length;
    return keys.map((key) => `${key} of ${session.subject}`);
  }
}

@ObjectType()
class Order {
  @Field()
  name!: string;

  @Field(() => String, { nullable: true })
  owner?: string | null;

  @Field(() => String, { nullable: true })
  current?: string | null;
}

@Resolver(() => Order)
class OrderResolver {
  constructor(
    private readonly loaders: Loaders,
    private readonly sessions: SessionService<Data>,
  ) {}

  @Query(() => [Order])
  @UseGuards(LoginGuard)
  async orders(@Session() session: Session<Data>): Promise<Partial<Order>[]> {
    if (session.subject === 'alice') await waiting.pass();
    return ['a', 'b', 'c'].map((name) => ({ name }));
  }

  @ResolveField(() => String, { nullable: true })
  owner(@Parent() order: Order, @Session() session: Session<Data>) {
    return this.loaders.of(session).load(order.name);
  }

  /** By the asynchronous context, in a function that batches. */
  @ResolveField(() => String, { nullable: true })
  current(@Parent() order: Order) {
    const loader = new DataLoader<string, string>(async (keys) => {
      await setImmediate();
      return keys.map((key) => `${key} of ${this.sessions.current.subject}`);
    });
    return loader.load(order.name);
  }

  @Mutation(() => String)
  async login(@Args('user') user: string, @Session() session: Session<Data>) {
    await this.sessions.login(user, { session });
    return user;
  }
}

async function run(driver: Driver, options: Partial<SessionModuleOptions> = {}) {
  const running = await startGraphql(driver, { providers: [OrderResolver, Loaders], options });
  const loggedIn = async (user: string) => {
    const client = new Client(running.url);
    await client.query(`mutation { login(user: "${user}") }`);
    running.store.forget();
    return client;
  };
  return { ...running, loggedIn };
}

const ofUser = (user: string) => ({
  data: { orders: ['a', 'b', 'c'].map((name) => ({ owner: `${name} of ${user}` })) },
});

describe.each(drivers)('a DataLoader of %s', (_, driver) => {
  it.each([true, false])('has the session of its request (context: %s)', async (context) => {
    const { loggedIn, store } = await run(driver, { context });
    waiting.open();
    const alice = await loggedIn('alice');
    expect(await alice.query('{ orders { owner } }')).toEqual(ofUser('alice'));
    expect(batches).toEqual([['alice', ['a', 'b', 'c']]]);
    // Of update() itself, which stores at once, and of the response.
    expect(store.writes).toEqual(['commit', 'commit']);
    expect((await alice.get('/look')).json()).toMatchObject({ data: { loads: 1, 'of alice': 3 } });
  });

  it.each([true, false])('keeps two users apart whose requests overlap (context: %s)', async (context) => {
    const { loggedIn } = await run(driver, { context });
    const [alice, bob] = [await loggedIn('alice'), await loggedIn('bob')];
    const first = alice.query('{ orders { owner } }');
    await waiting.reached;
    expect(await bob.query('{ orders { owner } }')).toEqual(ofUser('bob'));
    waiting.open();
    expect(await first).toEqual(ofUser('alice'));
    expect(batches).toEqual([
      ['bob', ['a', 'b', 'c']],
      ['alice', ['a', 'b', 'c']],
    ]);
    expect((await alice.get('/look')).json()).toMatchObject({ data: { loads: 1, 'of alice': 3 } });
    expect((await bob.get('/look')).json()).toMatchObject({ data: { loads: 1, 'of bob': 3 } });
  });

  it('has the current session in the function that batches', async () => {
    const { loggedIn } = await run(driver);
    const [alice, bob] = [await loggedIn('alice'), await loggedIn('bob')];
    const first = alice.query('{ orders { current } }');
    await waiting.reached;
    const expected = (user: string) => ({
      data: { orders: ['a', 'b', 'c'].map((name) => ({ current: `${name} of ${user}` })) },
    });
    expect(await bob.query('{ orders { current } }')).toEqual(expected('bob'));
    waiting.open();
    expect(await first).toEqual(expected('alice'));
  });

  it('is shared by the operations of a batch', async () => {
    const { loggedIn } = await run(driver);
    waiting.open();
    const alice = await loggedIn('alice');
    const batch = ['{ orders { owner } }', '{ orders { name owner } }'].map((query) => ({ query }));
    expect((await alice.operate(batch)).status).toBe(200);
    expect(batches.map(([user]) => user)).toEqual(['alice']);
  });
});
