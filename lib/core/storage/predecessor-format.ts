import type { EarlierSecret, PredecessorSecret } from '../model/record.js';

/** What a record keeps of the secrets before its predecessor. */
export type OlderSecrets = Pick<PredecessorSecret, 'earlier' | 'rest'>;

/**
 * Reads the fields `earlier` and `rest` of a value parsed from JSON.
 *
 * @throws TypeError if a field does not have the expected form
 */
export function olderOf({ earlier, rest }: { earlier?: unknown; rest?: unknown }): OlderSecrets {
  return {
    ...(earlier !== undefined && { earlier: earlierOf(earlier) }),
    ...(rest !== undefined && { rest: untilOf(rest) }),
  };
}

function earlierOf(value: unknown): EarlierSecret[] {
  if (!Array.isArray(value)) throw new TypeError('"earlier" is not a list');
  return value.map((one: unknown) => {
    const { hash } = fieldsOf(one);
    const until = untilOf(one);
    if (typeof hash !== 'string' || hash === '') throw new TypeError('an earlier secret has no hash');
    return { hash, ...until };
  });
}

function untilOf(value: unknown): { until?: number } {
  const { until } = fieldsOf(value);
  if (until === undefined) return {};
  // JSON.parse turns a number that is too large into Infinity.
  if (typeof until !== 'number' || !Number.isFinite(until)) throw new TypeError('"until" is not a time');
  return { until };
}

function fieldsOf(value: unknown): { hash?: unknown; until?: unknown } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new TypeError('an earlier secret is not an object');
}
