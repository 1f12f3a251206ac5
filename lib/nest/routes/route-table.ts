import type { HttpServer } from '@nestjs/common';

/** A route as the router knows it: with the global prefix and the version. */
export interface Route {
  /** In capital letters; `ALL` for every method. */
  method: string;
  path: string;
}

interface FastifyRouter {
  addHook(name: 'onRoute', hook: (route: { method: string | string[]; url: string }) => void): unknown;
}

interface ExpressRouter {
  stack: readonly { route?: { path: unknown; methods: Readonly<Record<string, boolean>> } }[];
}

/** Express 5 has `router`; in Express 4 that is a getter that throws, and the router is `_router`. */
type Express = { _router?: ExpressRouter; router?: ExpressRouter };

/** The routes of the application. Empty for adapters other than those of Express and Fastify. */
export class RouteTable {
  readonly #registered: Route[] = [];
  #express: Express | undefined;

  /** To be called before the routes are registered. */
  watch(adapter: HttpServer): void {
    const type = adapter.getType();
    if (type === 'express') this.#express = adapter.getInstance() as Express;
    if (type !== 'fastify') return;
    const fastify = adapter.getInstance() as FastifyRouter;
    fastify.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) this.#registered.push({ method: one.toUpperCase(), path: url });
    });
  }

  /** To be called when the routes are registered. */
  get routes(): readonly Route[] {
    return [...this.#registered, ...routesOf(this.#express)].filter(({ method }) => !IMPLIED.has(method));
  }
}

/** Routers add these for routes with another method. */
const IMPLIED: ReadonlySet<string> = new Set(['HEAD', 'OPTIONS']);

function routesOf(express: Express | undefined): Route[] {
  const router = express?._router ?? express?.router;
  return (router?.stack ?? []).flatMap(({ route }) => {
    if (typeof route?.path !== 'string') return [];
    const { path, methods } = route;
    const names = methods['_all'] ? ['ALL'] : Object.keys(methods).map((name) => name.toUpperCase());
    return names.map((method) => ({ method, path }));
  });
}
