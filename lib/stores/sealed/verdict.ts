import type { SessionTerms, Verdict } from '../../revocations/revocation-list.js';
import type { SealedContext } from './context.js';
import type { Content } from './payload.js';

/** What the copy of the list in memory says of a token. Without a list every token is live. */
export function verdictOf({ list }: SealedContext, content: Content): Verdict {
  if (!list) return { live: true, version: content.version };
  return content.epoch === list.epoch ? list.check(content) : { live: false, why: 'ended' };
}

/** Whether the session is live, although this token no longer opens it. */
export const sessionIsLive = (verdict: Verdict & { live: false }): boolean =>
  verdict.why === 'superseded' || verdict.why === 'reused';

/** Whether the successor of the rotation has not been presented yet. */
export const isPending = (rotation: SessionTerms | undefined): rotation is SessionTerms =>
  rotation?.why === 'rotated' && rotation.confirmed === undefined;

/**
 * Reads the list before a rotation, whose entry takes the place of the one before. That one says how long older tokens are no
 * sign of theft. A copy of the list may be too old to have it, if another node rotated; a present one lacks it only if these
 * tokens have expired.
 */
export async function readBeforeRotation(context: SealedContext, content: Content): Promise<void> {
  const { list } = context;
  await list?.fresh();
  if (!list || content.version === 0) return;
  const verdict = verdictOf(context, content);
  if (verdict.live && !verdict.rotation) await list.sync();
}
