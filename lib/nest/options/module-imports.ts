import { ModulesContainer } from '@nestjs/core';
import type { Provider } from '@nestjs/common';
import { wrongOption } from '../../core/util/options.js';
import { SESSION_OPTIONS, SESSION_SETTINGS } from './tokens.js';

/** A module as the container knows it. */
type LoadedModule = ModulesContainer extends Map<string, infer M> ? M : never;

/** Two modules would have two stores, each with a session of its own for one request. */
export const ONLY_ONCE: Provider = {
  provide: Symbol('nest-sessions/only-once'),
  useFactory: assertOnlyOnce,
  inject: [ModulesContainer],
};

/** @throws SessionError `ERR_OPTIONS` that names the modules which import it */
async function assertOnlyOnce(modules: ModulesContainer): Promise<void> {
  const times = oursIn(modules).length;
  if (times < 2) return;
  const names = await importersOf(modules, () => true);
  throw wrongOption(
    'SessionModule',
    `forRoot() or forRootAsync() is imported ${times} times${by(names)}. Import it once, in the root module; other modules inject SessionService without it.`,
  );
}

/** In the place of the options where the class itself is imported, without forRoot() or forRootAsync(). */
export const NO_OPTIONS: Provider = {
  provide: SESSION_OPTIONS,
  useFactory: failWithoutOptions,
  inject: [ModulesContainer],
};

/** @throws SessionError `ERR_OPTIONS`, which names the modules that import the class itself */
async function failWithoutOptions(modules: ModulesContainer): Promise<never> {
  throw wrongOption(
    'SessionModule',
    `it is imported without options${by(await importersOf(modules, isBare))}. Import SessionModule.forRoot({ secret: process.env.SESSION_SECRET }), or forRootAsync(), in the root module and nowhere else: other modules inject SessionService without an import.`,
  );
}

const by = (names: readonly string[]): string => (names.length > 0 ? `, by ${names.join(' and ')}` : '');

const oursIn = (modules: ModulesContainer): LoadedModule[] =>
  [...modules.values()].filter(({ providers }) => providers.has(SESSION_SETTINGS));

/**
 * The names of the modules that import ours, once for each time. A global module is among the imports of all others when
 * providers are made, so what was written in `@Module()` is read instead.
 */
async function importersOf(
  modules: ModulesContainer,
  counts: (written: unknown) => boolean,
): Promise<string[]> {
  const classes = new Set<unknown>(oursIn(modules).map(({ metatype }) => metatype));
  const names: string[] = [];
  for (const { metatype } of modules.values()) {
    for (const entry of importsOf(metatype)) {
      const written = await entry;
      const imported = isBare(written) ? written : dynamicModuleOf(written);
      if (classes.has(imported) && counts(written)) names.push(metatype.name);
    }
  }
  return names;
}

const isBare = (written: unknown): boolean => typeof written === 'function';

const importsOf = (metatype: object): unknown[] =>
  (Reflect.getMetadata('imports', metatype) as unknown[] | undefined) ?? [];

const dynamicModuleOf = (written: unknown): unknown =>
  typeof written === 'object' && written !== null && 'module' in written ? written.module : undefined;
