import { withoutValues } from '../storage/health/driver-error.js';
import { isSessionError } from '../util/errors.js';
import { byKey } from '../util/texts.js';
import { invalidData } from './data-checks.js';
import type { DataFault } from './data-fault.js';

/** What the option `data` makes of all data: the values by key, or the keys at fault, which may be absent. */
export type ParsedData = { readonly values: Readonly<Record<string, unknown>> } | InvalidData;

interface InvalidData {
  readonly invalid: readonly DataFault[];
  /** The error that the class or schema threw. */
  readonly cause?: Error;
}

/** Reads the data of a session through the class or schema of the option `data`. */
export type DataParser = (data: Record<string, unknown>) => ParsedData;

interface Fitting {
  /** Values by key. A key that a schema leaves out has the value that is stored. */
  readonly values: Record<string, unknown>;
  /** Keys whose stored values do not fit. */
  readonly dropped: readonly string[];
}

/**
 * Reads stored data, without the keys that do not fit.
 *
 * @throws SessionError `ERR_DATA_INVALID` if not even empty data fits
 */
export function readFitting(parse: DataParser, stored: Record<string, unknown>): Fitting {
  return fit(parse, stored, new Set());
}

/**
 * As {@link readFitting}, of data to be written.
 *
 * @param written the keys that are written
 * @throws SessionError `ERR_DATA_INVALID` if one of them does not fit, or requires a key that is absent
 */
export function readWritten(
  parse: DataParser,
  data: Record<string, unknown>,
  written: Iterable<string>,
): Record<string, unknown> {
  return fit(parse, data, new Set(written)).values;
}

/** Ends, because each turn drops a key. */
function fit(parse: DataParser, data: Record<string, unknown>, written: ReadonlySet<string>): Fitting {
  // Validators expect a plain object. A spread defines properties, so a key "__proto__" cannot set the prototype.
  const rest = { ...data };
  const dropped: string[] = [];
  for (;;) {
    const parsed = tryParse(parse, rest);
    if ('values' in parsed) return { values: byKey(rest, parsed.values), dropped };
    const wrong = wrongKeys(parsed, Object.keys(rest), written);
    for (const key of wrong) delete rest[key];
    dropped.push(...wrong);
  }
}

/** A schema that throws, in a transformation say, refuses the keys for which it throws alone, or else all keys. */
function tryParse(parse: DataParser, data: Record<string, unknown>): ParsedData {
  const outcome = outcomeOf(parse, data);
  if (!('error' in outcome)) return outcome.parsed;
  const present = Object.keys(data);
  const alone = present.filter((key) => 'error' in outcomeOf(parse, { [key]: data[key] }));
  const keys = alone.length > 0 ? alone : present;
  return { invalid: keys.map((key) => ({ key })), cause: withoutValues(outcome.error) };
}

/** @throws SessionError `ERR_OPTIONS` for a schema that cannot be used at all */
function outcomeOf(parse: DataParser, data: Record<string, unknown>) {
  try {
    return { parsed: parse(data) };
  } catch (error) {
    if (isSessionError(error)) throw error;
    return { error };
  }
}

function wrongKeys(
  { invalid, cause }: InvalidData,
  present: readonly string[],
  written: ReadonlySet<string>,
): readonly string[] {
  const own = invalid.filter(({ key }) => written.has(key));
  if (own.length > 0) throw invalidData(own, cause);
  const wrong = present.filter((key) => invalid.some((fault) => fault.key === key));
  if (wrong.length > 0) return wrong;
  // Only absent keys are at fault: the data that is there requires them.
  if (written.size > 0 || present.length === 0) throw invalidData(invalid, cause);
  return present;
}

/** Whether JSON writes `value` as `parsed`, in the same order. False if in doubt. */
export function sameJson(parsed: unknown, value: unknown): boolean {
  if (typeof parsed !== 'object' || parsed === null) return parsed === value;
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return false;
  if (Array.isArray(parsed) !== Array.isArray(value)) return false;
  const before = Object.entries(parsed);
  const after = Object.entries(value);
  return (
    before.length === after.length &&
    before.every(([key, child], i) => key === after[i]![0] && sameJson(child, after[i]![1]))
  );
}
