import { HttpStatus, RequestMethod } from '@nestjs/common';
import { ApiResponse, ApiSecurity, type ApiResponseOptions } from '@nestjs/swagger';
import type { Answer } from './answers.js';
import type { Handler } from './handlers.js';

/** The metadata keys of `@nestjs/swagger`, which it does not export. */
const RESPONSES = 'swagger/apiResponse';
const SECURITY = 'swagger/apiSecurity';

/** What its compiler plugin leaves on a class: a function that returns what it knows of each method. */
const PLUGIN = '_OPENAPI_METADATA_FACTORY';

/** The metadata keys under which Nest stores the method and the status of a route. */
const METHOD = 'method';
const STATUS = '__httpCode__';

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
  const own = metadataOf(RESPONSES, method);
  const declared = { ...metadataOf(RESPONSES, prototype.constructor), ...own };
  const added = answers.filter(({ status }) => !(status in declared));
  if (added.length > 0 && Object.keys(own).length === 0)
    ApiResponse({ status: statusOf(method), ...byPlugin(prototype, name) })(prototype, name, descriptor);
  for (const answer of added) ApiResponse({ ...answer })(prototype, name, descriptor);
  const named = [method, prototype.constructor].some((one) => names(one, scheme));
  if (scheme !== undefined && !named) ApiSecurity(scheme)(prototype, name, descriptor);
  Object.defineProperty(prototype, name, descriptor);
}

const metadataOf = (key: string, target: object): object =>
  (Reflect.getMetadata(key, target) ?? {}) as object;

/** Of the answer of success, which `@nestjs/swagger` adds by itself only where no other is declared. */
function statusOf(method: object): number {
  const status = Reflect.getMetadata(STATUS, method) as number | undefined;
  const created = Reflect.getMetadata(METHOD, method) === RequestMethod.POST;
  return status ?? (created ? HttpStatus.CREATED : HttpStatus.OK);
}

/** What the compiler plugin knows of the answer of success: its type. */
function byPlugin(prototype: object, name: string): ApiResponseOptions {
  for (
    let one: object | null = prototype;
    one && one !== Object.prototype;
    one = Reflect.getPrototypeOf(one)
  ) {
    const { [PLUGIN]: factory } = one.constructor as { [PLUGIN]?: () => Record<string, object> };
    const known = Object.entries(factory?.()[name] ?? {}).filter(
      ([key, value]) => !OF_OPERATION.has(key) && value !== undefined,
    );
    if (known.length > 0) return Object.fromEntries(known);
  }
  return {};
}

/** What the plugin knows of a method besides its answer. */
const OF_OPERATION: ReadonlySet<string> = new Set(['summary', 'deprecated', 'tags']);

function copyOf(method: Handler['method']): Handler['method'] {
  const copy: Handler['method'] = () => undefined;
  for (const key of Reflect.getMetadataKeys(method) as string[])
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), copy);
  return Object.defineProperty(copy, 'name', { value: method.name });
}

const names = (target: object, scheme: string | undefined): boolean =>
  scheme !== undefined &&
  ((Reflect.getMetadata(SECURITY, target) ?? []) as object[]).some((one) => scheme in one);
