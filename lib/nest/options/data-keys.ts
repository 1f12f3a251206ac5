import { nearest, wrongOption } from '../../core/util/options.js';
import { shown } from '../../core/util/texts.js';
import type { StandardSchemaV1 } from './standard-schema.js';

interface MaybeObjectSchema {
  shape?: unknown;
  /** Zod 4. Of `strictObject()` it is `never`; `looseObject()` and `catchall()` have other ones. */
  def?: { type?: unknown; catchall?: { def?: { type?: unknown } } };
}

/** The keys that an object schema of Zod names; `undefined` where there may be others, or it is not known. */
export function keysOfSchema({
  shape,
  def,
}: StandardSchemaV1 & MaybeObjectSchema): readonly string[] | undefined {
  if (typeof shape !== 'object' || shape === null || def?.type !== 'object') return undefined;
  const closed = def.catchall === undefined || def.catchall.def?.type === 'never';
  return closed ? Object.keys(shape) : undefined;
}

/**
 * A misspelt key in `keep` would lose what is to be kept.
 *
 * @throws SessionError `ERR_OPTIONS`
 */
export function checkKeep(
  call: string,
  options: { keep?: unknown },
  known: readonly string[] | undefined,
): void {
  const { keep } = options;
  if (!known || !Array.isArray(keep)) return;
  const wrong = (keep as string[]).find((key) => !known.includes(key));
  if (wrong === undefined) return;
  const near = nearest(wrong, known);
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`;
  throw wrongOption(
    call,
    `keep: the option "data" has no key ${shown(wrong)}.${hint} Its keys: ${known.join(', ')}.`,
  );
}
