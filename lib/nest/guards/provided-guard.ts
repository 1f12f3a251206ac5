import { Inject, Optional, type Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { SessionError } from '../../core/util/errors.js';

/**
 * What a module injects for a guard. Nest makes the guard of `@UseGuards()` from its class, whatever the module provides
 * under it, so the guard has to look for that itself.
 *
 * @throws SessionError `ERR_OPTIONS` if it cannot be injected once for all requests
 */
export async function providedGuard<T>(guard: Type<T>, modules: ModuleRef): Promise<T | undefined> {
  class Holder {
    constructor(@Optional() @Inject(guard) readonly provided: T | undefined) {}
  }
  const created = modules.create(Holder).catch((cause: unknown) => fail(guard, cause));
  // All providers are there by now. For one that is made anew for each request Nest 11 never settles the promise.
  const late = new Promise<undefined>((resolve) => void setImmediate(() => resolve(undefined)));
  const holder = await Promise.race([created, late]);
  return (holder ?? fail(guard)).provided;
}

function fail(guard: Type, cause?: unknown): never {
  throw new SessionError(
    'ERR_OPTIONS',
    `What is provided for ${guard.name} cannot take its place in @UseGuards(${guard.name}), probably because it is request-scoped. Make it a singleton, or bind its own class with @UseGuards().`,
    { cause },
  );
}
