import { createHash } from 'node:crypto';

/**
 * What follows from an old credential, so that each request that presents it leads to the same session. None of it opens
 * anything by itself: a cookie needs our signature, and an old credential its own.
 */
export interface Claim {
  /** Id of the session that took the old one over. */
  readonly id: string;
  /** The predecessor of that session's first secret. */
  readonly secret: string;
  /** Id of the tombstone which says that the old session came over. */
  readonly marker: string;
}

/** @param key as in `OldCredential` */
export function claimOf(source: string, key: string): Claim {
  const digest = (purpose: string): Buffer =>
    createHash('sha256')
      .update(JSON.stringify(['nest-sessions/migrate', purpose, source, key]))
      .digest();
  return {
    id: digest('id').subarray(0, 16).toString('base64url'),
    secret: digest('secret').toString('base64url'),
    marker: digest('marker').subarray(0, 16).toString('base64url'),
  };
}
