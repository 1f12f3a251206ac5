import { RequestMethod, type INestApplication } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { isUnsafe } from '../http/csrf.js';
import { DeviceBoundGuard } from '../nest/device/device-bound.guard.js';
import {
  askedBy,
  GUARDS,
  policyOfHandler,
  type Asked,
  type HandlerPolicy,
} from '../nest/request/session.metadata.js';

/** The metadata keys under which Nest stores the method of a route, and on its class the parameters of each handler. */
const METHOD = 'method';
const PARAMETERS = '__routeArguments__';

/** A handler of HTTP requests, and what is asked of them. */
export interface Handler {
  prototype: object;
  name: string;
  method: (...args: never[]) => unknown;
  policy: HandlerPolicy;
  /** By the guards of this library that apply to it, whichever level they are bound at, and by its parameters. */
  asked: Asked | undefined;
  /** Whether only sessions that are bound to a device may call it. */
  deviceBound: boolean;
  /** Whether it takes a method other than GET, HEAD, OPTIONS and TRACE. */
  unsafe: boolean;
}

/** All handlers of all controllers. */
export function handlersOf(app: INestApplication): Handler[] {
  const everywhere = globalGuardsOf(app);
  const scanner = new MetadataScanner();
  const types = new Set(
    [...app.get(ModulesContainer).values()].flatMap(({ controllers }) =>
      [...controllers.values()].map(({ metatype }) => metatype as Controller),
    ),
  );
  return [...types].flatMap((type) =>
    scanner
      .getAllMethodNames(type.prototype)
      .map((name) => ({ name, method: type.prototype[name]! }))
      .filter(({ method }) => Reflect.hasMetadata(METHOD, method))
      .map(({ name, method }) => handlerOf(type, name, method, everywhere)),
  );
}

type Controller = { prototype: Record<string, Handler['method']> };

function handlerOf(
  type: Controller,
  name: string,
  method: Handler['method'],
  everywhere: readonly object[],
): Handler {
  const policy = policyOfHandler(method, type);
  const guards = [...everywhere, ...guardsOf(type), ...guardsOf(method)];
  const asked = guards.map(askedBy);
  const byGuard = (['relogin', 'login'] as const).find(
    (what) => asked.includes(what) && !policy.spared[what],
  );
  return {
    prototype: type.prototype,
    name,
    method,
    policy,
    asked: byGuard ?? askedByParameters(type, name),
    deviceBound: guards.some(isDeviceGuard) && !policy.spared.login,
    unsafe: isUnsafe(RequestMethod[Reflect.getMetadata(METHOD, method) as RequestMethod]),
  };
}

/** `@Public()` takes nothing of this away: a handler that takes the user cannot do without one. */
function askedByParameters(type: Controller, name: string): Asked | undefined {
  const parameters = (Reflect.getMetadata(PARAMETERS, type, name) ?? {}) as Record<string, Parameter>;
  const factories = Object.values(parameters).flatMap(({ factory }) => factory ?? []);
  return factories.map(askedBy).find((what) => what !== undefined);
}

type Parameter = { factory?: (...args: never[]) => unknown };

const isDeviceGuard = (guard: object): boolean =>
  guard instanceof DeviceBoundGuard ||
  (typeof guard === 'function' &&
    (guard === DeviceBoundGuard || guard.prototype instanceof DeviceBoundGuard));

const guardsOf = (target: object): object[] =>
  (Reflect.getMetadata(GUARDS, target) as object[] | undefined) ?? [];

/** An application knows them, but has no public method that returns them. `@nestjs/swagger` reads its prefix there, too. */
function globalGuardsOf(app: object): object[] {
  const { config } = app as { config?: GuardConfig };
  const perRequest = config?.getGlobalRequestGuards?.() ?? [];
  return [...(config?.getGlobalGuards?.() ?? []), ...perRequest.flatMap(({ metatype }) => metatype ?? [])];
}

interface GuardConfig {
  getGlobalGuards?(): object[];
  getGlobalRequestGuards?(): { metatype?: object | null }[];
}
