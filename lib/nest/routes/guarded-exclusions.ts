import { RequestMethod } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { DeviceBoundGuard } from '../device/device-bound.guard.js';
import { LoginGuard } from '../guards/login.guard.js';
import { ReloginGuard } from '../guards/relogin.guard.js';
import { askedBy, GUARDS, policyOfHandler } from '../request/session.metadata.js';
import type { Route } from './route-table.js';

/** The metadata keys of Nest under which a handler has its method, and a handler or controller its path. */
const METHOD = 'method';
const PATH = 'path';

/** Routes that a warning names. */
const MOST = 5;

interface Guarded {
  /** In capital letters; `ALL` for every method. */
  method: string;
  /** Without the global prefix and the version. */
  path: string;
  /** Whether a guard at the handler or its class rejects it, or only a global one. `undefined` if none does. */
  by: 'bound' | 'global' | undefined;
}

/**
 * What to warn of routes that are excluded, and so have no session, while a guard of this library asks for a login: each of
 * their requests is a 401.
 *
 * @param excluded whether the option `exclude` names a route
 */
export function guardedExclusions(
  modules: ModulesContainer,
  routes: readonly Route[],
  excluded: (route: Route) => boolean,
): string[] {
  const handlers = handlersIn(modules);
  const owned = routes.filter(excluded).map((route) => ({ route, by: ownerOf(route, handlers)?.by }));
  const named = (by: Guarded['by']): string[] => [
    ...new Set(owned.filter((one) => one.by === by).map(({ route }) => `${route.method} ${route.path}`)),
  ];
  return [
    warning(named('global'), 'a global guard asks', 'Mark their handlers @Public()'),
    warning(named('bound'), 'a guard bound to their handler or class asks', 'Drop the guard there'),
  ].filter((one) => one !== undefined);
}

function warning(names: readonly string[], asks: string, remedy: string): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length > MOST ? ` and ${names.length - MOST} more` : '';
  return `exclude: ${names.slice(0, MOST).join(', ')}${more} have no session, and ${asks} for a login, so that each request is a 401. ${remedy}, or leave them out of exclude.`;
}

/** The handler whose path is the longest that the route ends with: before it are the global prefix and the version. */
function ownerOf({ method, path }: Route, handlers: readonly Guarded[]): Guarded | undefined {
  const route = plain(path);
  const fitting = handlers.filter(
    (one) =>
      (one.method === method || one.method === 'ALL') &&
      (one.path === '' || route === one.path || route.endsWith(`/${one.path}`)),
  );
  const longest = Math.max(...fitting.map((one) => one.path.length));
  const owners = fitting.filter((one) => one.path.length === longest);
  // Of several, as of two versions, it is not known which one is excluded.
  return owners.every((one) => one.by === owners[0]!.by) ? owners[0] : undefined;
}

type Controller = { prototype: Record<string, object> };

function handlersIn(modules: ModulesContainer): Guarded[] {
  const scanner = new MetadataScanner();
  const global = [...modules.values()].some(({ providers }) =>
    [...providers.values()].some(
      ({ subtype, instance }) =>
        subtype === 'guard' && typeof instance === 'object' && instance !== null && rejects(instance),
    ),
  );
  const types = new Set(
    [...modules.values()].flatMap(({ controllers }) =>
      [...controllers.values()].map(({ metatype }) => metatype as Controller),
    ),
  );
  return [...types].flatMap((type) =>
    scanner
      .getAllMethodNames(type.prototype)
      .map((name) => type.prototype[name]!)
      .filter((handler) => Reflect.hasMetadata(METHOD, handler))
      .flatMap((handler) => {
        const by = guardOf(handler, type, global);
        const method = RequestMethod[Reflect.getMetadata(METHOD, handler) as RequestMethod];
        return pathsOf(type).flatMap((base) =>
          pathsOf(handler).map((own) => ({ method, path: plain(`${base}/${own}`), by })),
        );
      }),
  );
}

function guardOf(handler: object, type: object, global: boolean): Guarded['by'] {
  const { spared } = policyOfHandler(handler, type);
  if (spared.login || spared.relogin) return undefined;
  if ([handler, type].some((level) => guardsOf(level).some(rejects))) return 'bound';
  return global ? 'global' : undefined;
}

const guardsOf = (level: object): object[] =>
  (Reflect.getMetadata(GUARDS, level) as object[] | undefined) ?? [];

const OURS: readonly unknown[] = [LoginGuard, ReloginGuard, DeviceBoundGuard].map(canActivateOf);

/** Whether a guard, given as its class or an instance, is one of ours that decides as ours does. */
const rejects = (guard: object): boolean =>
  askedBy(guard) !== undefined && OURS.includes(canActivateOf(guard));

function canActivateOf(guard: object): unknown {
  const { canActivate } = (typeof guard === 'function' ? guard.prototype : guard) as {
    canActivate?: unknown;
  };
  return canActivate;
}

const pathsOf = (level: object): string[] =>
  [Reflect.getMetadata(PATH, level) as string | string[] | undefined].flat().map((path) => path ?? '');

/** Without slashes at its ends, or in a row. */
const plain = (path: string): string =>
  path
    .split('/')
    .filter((piece) => piece !== '')
    .join('/');
