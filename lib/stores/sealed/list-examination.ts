import { causeOf } from '../../core/storage/health/error-cause.js';
import { skewFinding } from '../../core/storage/health/clock-finding.js';
import { findingsOf } from '../../core/storage/health/store-examination.js';
import { inTime } from '../../core/storage/store-calls.js';
import type { StoreFinding } from '../../core/storage/store.js';
import type { BackendContext } from '../../core/storage/backend.js';
import type { RevocationList } from '../../revocations/revocation-list.js';

/** Of `revocations: false`. */
export const NO_LIST: StoreFinding = {
  level: 'warning',
  finding:
    'Sealed cookies have no revocation list: a copy of a cookie is valid until it expires, also after the logout.',
  remedy: 'Give SealedCookie "revocations": a RedisRevocations or a PostgresRevocations.',
};

/** What a list says of itself, and whether it can be read. Nothing is written: an entry would stay until it expires. */
export async function examineList(
  list: RevocationList,
  { timeout }: BackendContext,
): Promise<StoreFinding[]> {
  const own = await findingsOf('revocations', list);
  const began = performance.now();
  try {
    await inTime(
      Promise.resolve().then(() => list.sync()),
      timeout,
    );
  } catch (error) {
    return [
      ...own,
      {
        level: 'problem',
        finding: `The revocation list cannot be read: ${causeOf(error)}.`,
        remedy:
          'Check that its server responds. Until it does, requests with a session are answered with 503.',
      },
    ];
  }
  const took = performance.now() - began;
  const lag =
    list.lag === 0 ? 'is that of this process' : `reaches other nodes within ${list.lag / 1000} s at most`;
  return [
    ...own,
    { level: 'ok', finding: `The revocation list is read in ${took.toFixed(1)} ms; a revocation ${lag}.` },
    ...(list.lag === 0 ? [] : skewFinding('revocations', list.skew, took)),
  ];
}
