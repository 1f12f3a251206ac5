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
