import type { Type } from '@nestjs/common';
import { Field, ID, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { Session } from 'nest-sessions';
import { Client, codesOf, drivers, startGraphql, type Result } from '../nest/transports/graphql-drivers.js';
import { closeAll } from '../support/platforms.js';
import { load } from './examples.js';

const PAGE = 'docs/graphql.md';

afterEach(closeAll);

class Users {
  verify({ user }: { user: string }) {
    return Promise.resolve({ id: user });
  }
}

describe.each(drivers)('docs/graphql.md with %s', (_, driver) => {
  it('has a resolver that works as printed', async () => {
    const { AccountResolver } = await load<{ AccountResolver: Type }>(PAGE, 'Resolvers', { Users });
    const { client, clock, store } = await startGraphql(driver, { providers: [AccountResolver] });
    expect(codesOf(await client.query('{ subject greeting }'))).toEqual([['greeting', 'ERR_LOGIN_REQUIRED']]);
    await client.query('mutation { login(user: "alice", password: "tea") }');
    clock.advance('10m');
    expect(await client.query('{ subject }')).toEqual({ data: { subject: 'alice' } });
    expect(store.records()[0]!.lastSeenAt).toBeLessThan(clock.now());
    expect(await client.query('{ greeting }')).toEqual({ data: { greeting: 'Hello alice' } });
    expect(store.records()[0]!.lastSeenAt).toBe(clock.now());
    const refused = await client.query('mutation { deleteAccount }');
    expect(codesOf(refused)).toEqual([['deleteAccount', 'ERR_RELOGIN_REQUIRED']]);
    await client.query('mutation { relogin(code: "123456") }');
    expect(await client.query('mutation { deleteAccount }')).toEqual({ data: { deleteAccount: true } });
    expect(await client.query('mutation { logout }')).toEqual({ data: { logout: true } });
    expect(client.cookie).toBe('');
  });

  it('has a loader that keeps users apart', async () => {
    const { ScoreLoader } = await load<{ ScoreLoader: Type<Scores> }>(PAGE, 'Fields, and a DataLoader');
    const { AccountResolver } = await load<{ AccountResolver: Type }>(PAGE, 'Resolvers', { Users });
    const { url, store } = await startGraphql(driver, {
      providers: [ScoreLoader, { provide: Scores, useExisting: ScoreLoader }, GameResolver, AccountResolver],
    });
    const results = ['alice', 'bob'].map(async (user) => {
      const client = new Client(url);
      await client.query(`mutation { login(user: "${user}", password: "tea") }`);
      return client.query('{ games { score } }');
    });
    const scoresOf = (user: string) => ({
      data: { games: [{ score: `${user} in go` }, { score: `${user} in chess` }] },
    });
    expect(await Promise.all(results)).toEqual([scoresOf('alice'), scoresOf('bob')]);
    expect(store.records().map(({ data }) => data)).toEqual([{ visits: '1' }, { visits: '1' }]);
  });

  it('has a client that goes where an error leads', async () => {
    const { loginPageFor } = await load<{ loginPageFor(error: object): string | undefined }>(PAGE, 'Errors');
    const { AccountResolver } = await load<{ AccountResolver: Type }>(PAGE, 'Resolvers', { Users });
    const { client } = await startGraphql(driver, { providers: [AccountResolver] });
    const pagesOf = ({ errors = [] }: Result) => errors.map(loginPageFor);
    expect(pagesOf(await client.query('{ greeting }'))).toEqual(['/login']);
    await client.query('mutation { login(user: "alice", password: "tea") }');
    expect(pagesOf(await client.query('mutation { deleteAccount }'))).toEqual(['/login?factor=otp']);
    expect(loginPageFor(new Error('another'))).toBeUndefined();
  });
});

/** What the loader of the page is. */
abstract class Scores {
  abstract of(session: Session): { load(game: string): Promise<string> };
}

@ObjectType()
class Game {
  @Field(() => ID)
  id!: string;
}

@Resolver(() => Game)
class GameResolver {
  constructor(private readonly scores: Scores) {}

  @Query(() => [Game])
  games(): Game[] {
    return [{ id: 'go' }, { id: 'chess' }];
  }

  @ResolveField(() => String)
  score(@Parent() game: Game, @Session() session: Session) {
    return this.scores.of(session).load(game.id);
  }
}
