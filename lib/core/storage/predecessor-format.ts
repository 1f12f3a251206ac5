import type { EarlierSecret, PredecessorSecret } from '../model/record.js';

/** What a record knows of the secrets before its predecessor. */
export type OlderSecrets = Pick<PredecessorSecret, 'earlier' | 'rest'>;

/**
 * The fields `earlier` and `rest` of what was parsed from JSON.
 *
 * @throws TypeError where they are not of that form
 */
export function olderOf({ earlier, rest }: { earlier?: unknown; rest?: unknown }): OlderSecrets {
  return {
    ...(earlier !== undefined && { earlier: earlierOf(earlier) }),
    ...(rest !== undefined && { rest: untilOf(rest) }),
  };
}

function earlierOf(value: unknown): EarlierSecret[] {
  if (!Array.isArray(value)) throw new TypeError('the earlier secrets are no list');
  return value.map((one: unknown) => {
    const until = untilOf(one);
    const { hash } = one as { hash?: unknown };
    if (typeof hash !== 'string' || hash === '') throw new TypeError('an earlier secret has no hash');
    return { hash, ...until };
  });
}

function untilOf(value: unknown): { until?: number } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError('an earlier secret is no object');
  }
  const { until } = value as { until?: unknown };
  if (until === undefined) return {};
  // JSON has no other numbers, except for what is too large for one.
  if (typeof until !== 'number' || !Number.isFinite(until)) throw new TypeError('a grace is no time');
  return { until };
}
