import type { Type } from '@nestjs/common';
import { pathOf } from '../../core/model/data-json.js';
import type { DataFault } from '../../core/model/data-fault.js';
import type { DataParser, ParsedData } from '../../core/model/data-schema.js';
import { wrongOption } from '../../core/util/options.js';
import { isSessionError, SessionError } from '../../core/util/errors.js';
import { keyShown } from '../../core/util/texts.js';
import type * as DataClass from './data-class.js';
import { keysOfSchema } from './data-keys.js';
import { isModuleMissing } from './module-missing.js';
import type { StandardIssue, StandardSchemaV1 } from './standard-schema.js';

/** What the option `data` comes to. */
export interface DataReader {
  /** Reads and validates, key by key. A key that is absent is never at fault: sessions fill up over time. */
  parse: DataParser;
  /** All keys that the data can have; `undefined` where there may be others, or it is not known. */
  keys: readonly string[] | undefined;
}

/**
 * @throws SessionError `ERR_OPTIONS` for a schema that validates asynchronously, or that does not accept empty data; for a
 * class where class-validator is not installed
 */
export async function dataReader(shape: Type | StandardSchemaV1): Promise<DataReader> {
  if ('~standard' in shape) return { parse: bySchema(acceptsNothing(shape)), keys: keysOfSchema(shape) };
  const { byClass, keysOfClass } = await readersOfClasses();
  return { parse: byClass(shape), keys: keysOfClass(shape) };
}

/** class-validator is large, and only applications that give a class need it. */
async function readersOfClasses(): Promise<typeof DataClass> {
  try {
    return await import('./data-class.js');
  } catch (cause) {
    if (!isModuleMissing(cause)) throw cause;
    throw new SessionError(
      'ERR_OPTIONS',
      'SessionModule: data: a class needs the packages class-validator and class-transformer, and one of them is not installed. Run "npm install class-validator class-transformer", or give a Standard Schema.',
      { cause },
    );
  }
}

/** A schema that always takes its time is known at boot; one that does for some values alone, when these come. */
function bySchema(shape: StandardSchemaV1): DataParser {
  return (data) => parseBy(shape, data);
}

function parseBy(shape: StandardSchemaV1, data: object): ParsedData {
  const result = validateNow(shape, data);
  if (result.issues) {
    const present = Object.keys(data);
    return { invalid: result.issues.flatMap((issue) => faultsOf(issue, present)) };
  }
  if (isObject(result.value)) return { values: result.value };
  throw wrongOption(
    'SessionModule',
    'data: the schema returns something else than an object of values by key.',
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

interface MaybePartial {
  partial?: (keys: Record<string, true>) => unknown;
}

/**
 * A schema by which every session can begin: empty. Without it there would be no output, and no default, until all
 * required keys are stored. Schemas with a method `partial` (Zod) are asked for one without the required keys.
 */
function acceptsNothing(shape: StandardSchemaV1 & MaybePartial): StandardSchemaV1 {
  const required = requiredOf(shape);
  if (!required) return shape;
  const optional = partialOf(shape, required);
  if (optional && !requiredOf(optional)) return optional;
  throw wrongOption(
    'SessionModule',
    `data: the schema requires ${required.join(', ') || 'something'}, but a session begins without data. Make its keys optional, or give them defaults.`,
  );
}

function requiredOf(shape: StandardSchemaV1): readonly string[] | undefined {
  const parsed = parseNothing(shape);
  return 'values' in parsed ? undefined : [...new Set(parsed.invalid.map(({ key }) => key))];
}

function parseNothing(shape: StandardSchemaV1): ParsedData {
  try {
    return parseBy(shape, {});
  } catch (cause) {
    if (isSessionError(cause)) throw cause;
    throw new SessionError(
      'ERR_OPTIONS',
      'SessionModule: data: the schema throws for empty data, but a session begins without data. Make its transformations accept absent keys.',
      { cause },
    );
  }
}

function partialOf(
  shape: StandardSchemaV1 & MaybePartial,
  keys: readonly string[],
): StandardSchemaV1 | undefined {
  if (typeof shape.partial !== 'function') return undefined;
  try {
    const partial = shape.partial(Object.fromEntries(keys.map((key) => [key, true])));
    return isSchema(partial) ? partial : undefined;
  } catch {
    // Zod, for one, refuses it of a schema with refinements.
    return undefined;
  }
}

const isSchema = (value: unknown): value is StandardSchemaV1 =>
  typeof value === 'object' && value !== null && '~standard' in value;

interface MaybeZod {
  safeParse?: (data: object) => unknown;
}

/** @throws SessionError `ERR_OPTIONS` for a schema that validates asynchronously; what the schema throws */
function validateNow(shape: StandardSchemaV1 & MaybeZod, data: object) {
  const result = shape['~standard'].validate(data);
  if (!(result instanceof Promise)) return result;
  // Its result comes too late.
  result.catch(() => undefined);
  throwAsZod(shape, data);
  throw wrongOption(
    'SessionModule',
    'data: the schema validates asynchronously. Give one that answers at once.',
  );
}

/**
 * Zod turns whatever is thrown, also in a synchronous transformation, into a rejected promise. `safeParse()` throws it,
 * or says that it met a promise.
 */
function throwAsZod(shape: MaybeZod, data: object): void {
  try {
    shape.safeParse?.(data);
  } catch (error) {
    if (!(error instanceof Error && /\bsynchronous parse\b/.test(error.message))) throw error;
  }
}

/** What libraries add to an issue: the name of its rule (Zod, ArkType: `code`, Valibot: `type`), keys that are unknown. */
interface AnyIssue extends StandardIssue {
  code?: unknown;
  type?: unknown;
  keys?: unknown;
}

/** The keys that an issue speaks of; one without a path may name unknown keys, or speaks of all. */
function faultsOf(issue: AnyIssue, present: string[]): DataFault[] {
  const rule = ruleOf(issue);
  const [first, ...below] = (issue.path ?? []).map(keyOf);
  if (first !== undefined) {
    const path = pathOf(String(first), below);
    return [{ key: String(first), detail: rule ? `${path}: ${rule}` : path }];
  }
  const { keys } = issue;
  const unknown = Array.isArray(keys) ? present.filter((key) => keys.includes(key)) : undefined;
  return (unknown ?? present).map((key) => ({ key, detail: unknown && rule && `${keyShown(key)}: ${rule}` }));
}

function keyOf(part: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof part === 'object' ? part.key : part;
  return typeof key === 'number' ? key : String(key);
}

/** A name such as `invalid_type`. The message is left out, because it may contain a value. */
const ruleOf = ({ code, type }: AnyIssue): string | undefined =>
  [code, type].find((name): name is string => typeof name === 'string' && /^[a-z][a-z_]{0,39}$/i.test(name));
