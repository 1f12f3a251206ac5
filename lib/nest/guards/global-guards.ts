import type { ModulesContainer } from '@nestjs/core';
import { ASKS_FOR, type Asked } from '../request/session.metadata.js';

/** By application: it has all its global guards before the first message comes. */
const known = new WeakMap<ModulesContainer, ReadonlySet<Asked | undefined>>();

/** Whether the application has a global guard of this library, by the option `guard` or by `APP_GUARD`. */
export function isGlobal(asked: Asked, modules: ModulesContainer | undefined): boolean {
  if (!modules) return false;
  let found = known.get(modules);
  if (!found) known.set(modules, (found = new Set(globalsIn(modules))));
  return found.has(asked);
}

const globalsIn = (modules: ModulesContainer): (Asked | undefined)[] =>
  [...modules.values()].flatMap(({ providers }) =>
    [...providers.values()].flatMap(({ subtype, instance }) => {
      const guard = instance as { constructor: { [ASKS_FOR]?: Asked } } | null;
      return subtype === 'guard' && guard != null ? [guard.constructor[ASKS_FOR]] : [];
    }),
  );
