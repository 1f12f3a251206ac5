import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import type { DynamicModule, Provider } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import type { SessionModuleOptions } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { Browser, type Answer, type Ask } from '../../support/browser.js';
import { start, type PlatformName, type Running } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';

/** A driver of @nestjs/graphql on an HTTP adapter. */
export interface Driver {
  platform: PlatformName;
  /** The status of a response whose only field failed with a 401, so that there is no data. */
  refusal: 200 | 401;
  /** @param context the option of that name: a function or an object */
  module(context?: unknown): DynamicModule;
}

const apollo = (platform: PlatformName): Driver => ({
  platform,
  refusal: 200,
  module: (context) =>
    GraphQLModule.forRoot<ApolloDriverConfig>({
      autoSchemaFile: true,
      fieldResolverEnhancers: ['guards'],
      driver: ApolloDriver,
      allowBatchedHttpRequests: true,
      introspection: false,
      ...(context !== undefined && { context }),
    }),
});

const mercurius: Driver = {
  platform: 'fastify',
  refusal: 401,
  module: (context) =>
    GraphQLModule.forRoot<MercuriusDriverConfig>({
      autoSchemaFile: true,
      fieldResolverEnhancers: ['guards'],
      driver: MercuriusDriver,
      allowBatchedQueries: true,
      graphiql: false,
      ...(context !== undefined && { context: context as never }),
    }),
};

/** Every behaviour of resolvers is specified once and holds on all. */
export const drivers: [string, Driver][] = [
  ['Apollo on Express', apollo('express')],
  ['Apollo on Fastify', apollo('fastify')],
  ['Mercurius on Fastify', mercurius],
];

/** A response of GraphQL. */
export interface Result {
  data: Record<string, unknown> | null;
  errors?: {
    message: string;
    path: (string | number)[];
    extensions: Record<string, unknown> & { code: string };
  }[];
}

export interface GraphqlSetup {
  /** Resolvers, and what they need. */
  providers: Provider[];
  options?: Partial<SessionModuleOptions>;
  /** Of the driver. */
  context?: unknown;
}

/** A visitor of an application, and what it sends to `/graphql`. */
export class Client extends Browser {
  operate(body: object, ask?: Ask): Promise<Answer> {
    return this.post('/graphql', body, ask);
  }

  async query(text: string, ask?: Ask): Promise<Result> {
    return (await this.operate({ query: text }, ask)).json<Result>();
  }
}

export interface GraphqlApp extends Running {
  store: SpyStore;
  client: Client;
}

/** An application whose resolvers are among the providers. To be closed by `closeAll()`. */
export async function startGraphql(driver: Driver, setup: GraphqlSetup): Promise<GraphqlApp> {
  const store = new SpyStore();
  const running = await start(driver.platform, {
    controllers: [AppController],
    imports: [driver.module(setup.context)],
    providers: setup.providers,
    options: { store, rotateEvery: false, ...setup.options },
  });
  return { ...running, store, client: new Client(running.url) };
}

/** Paths and codes of the errors. */
export const codesOf = ({ errors = [] }: Result): [string, string][] =>
  errors.map(({ path, extensions }) => [path.join('.'), extensions.code]);
