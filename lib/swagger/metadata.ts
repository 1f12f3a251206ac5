import { ApiResponse, ApiSecurity } from '@nestjs/swagger';
import type { Answer } from './answers.js';
import type { Handler } from './handlers.js';

/** The metadata keys of `@nestjs/swagger`, which it does not export. */
const RESPONSES = 'swagger/apiResponse';
const SECURITY = 'swagger/apiSecurity';

export interface Described {
  handler: Handler;
  answers: readonly Answer[];
  /** The security scheme that a client needs. */
  scheme: string | undefined;
}

/**
 * Does something, synchronously, while the handlers have the metadata that decorators would give them. Each is described on a
 * copy in its class, because a method may be inherited by classes with other guards, and a class be part of other applications.
 */
export function whileDescribed<T>(described: readonly Described[], work: () => T): T {
  const before = described.map(({ handler: { prototype, name } }) => ({
    prototype,
    name,
    own: Object.getOwnPropertyDescriptor(prototype, name),
  }));
  try {
    for (const one of described) describe(one);
    return work();
  } finally {
    for (const { prototype, name, own } of before) {
      if (own) Object.defineProperty(prototype, name, own);
      else delete (prototype as Record<string, unknown>)[name];
    }
  }
}

function describe({ handler: { prototype, name, method }, answers, scheme }: Described): void {
  const copy = copyOf(method);
  const descriptor = { value: copy, configurable: true, writable: true };
  const declared = (Reflect.getMetadata(RESPONSES, method) ?? {}) as object;
  for (const answer of answers.filter(({ status }) => !(status in declared)))
    ApiResponse({ ...answer })(prototype, name, descriptor);
  if (scheme !== undefined && !names(method, scheme)) ApiSecurity(scheme)(prototype, name, descriptor);
  Object.defineProperty(prototype, name, descriptor);
}

function copyOf(method: Handler['method']): Handler['method'] {
  const copy: Handler['method'] = () => undefined;
  for (const key of Reflect.getMetadataKeys(method) as string[])
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), copy);
  return Object.defineProperty(copy, 'name', { value: method.name });
}

const names = (method: object, scheme: string): boolean =>
  ((Reflect.getMetadata(SECURITY, method) ?? []) as object[]).some((one) => scheme in one);
