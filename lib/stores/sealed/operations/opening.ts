import { timeoutOf } from '../../../core/model/policy.js';
import type { RejectReason } from '../../../core/model/reject-reason.js';
import type { Client, OpenResult, Presence, RejectedToken } from '../../../core/storage/backend.js';
import type { Awaitable } from '../../../core/storage/store.js';
import type { Verdict } from '../../../revocations/revocation-list.js';
import { isSessionError } from '../../../core/util/errors.js';
import type { SealedContext } from '../context.js';
import { SealedHandle } from '../handle.js';
import type { Content } from '../payload.js';
import { isPending, sessionIsLive, verdictOf } from '../verdict.js';
import { withDevice } from '../with-device.js';

type Opened = OpenResult<SealedHandle>;

/** Checks length, form, version, key, seal, times and revocation, in this order. */
export function openCookie(context: SealedContext, value: string, client: Client): Awaitable<Opened> {
  const { sealer, list } = context;
  const binding = sealer.bindingOf(client);
  const content = sealer.open(value, binding);
  if (!content) return rejected(sealer.hasForm(value) ? 'tampered' : 'foreign');
  if (!isInTime(context, content)) return rejected('unknown', content.id);
  const handle = new SealedHandle(content, value, binding, true);
  const waiting = list?.fresh();
  if (!waiting) return checkRevocation(context, handle);
  // An expired cookie must not end its session, which may go on in a later one.
  return waiting.then(() =>
    isInTime(context, content) ? checkRevocation(context, handle) : rejected('unknown', content.id),
  );
}

/** Within the times that were sealed in, and within the ones that are configured now. */
function isInTime(context: SealedContext, { record, expiresAt, endsAt }: Content): boolean {
  const now = context.now();
  if (!(now < expiresAt && now < endsAt)) return false;
  return timeoutOf(record, context.limitsOf(record), now) === undefined;
}

function checkRevocation(context: SealedContext, handle: SealedHandle): Opened {
  const { id } = handle.content;
  const verdict = verdictOf(context, handle.content);
  if (verdict.live) return opened(context, handle, verdict);
  const { why } = verdict;
  if (sessionIsLive(verdict)) {
    const former = { handle, everywhere: why === 'superseded' };
    return { ...rejected(why, id), former, lately: why === 'superseded' && verdict.lately };
  }
  return { ...rejected(why, id), lately: why === 'replaced' };
}

function opened(context: SealedContext, handle: SealedHandle, verdict: Verdict & { live: true }): Opened {
  const { rotation } = verdict;
  const current = atVersion(context, handle, verdict);
  const renewed = current !== handle;
  const confirms = !renewed && isPending(rotation);
  return {
    kind: 'live',
    handle: current,
    now: context.now(),
    skew: context.skew,
    present: !renewed,
    renewed,
    confirms,
  };
}

/** The handle at the present version of its session; `undefined` if the session ended or the token opens it no more. */
export async function reloadSession(
  context: SealedContext,
  handle: SealedHandle,
): Promise<SealedHandle | undefined> {
  await context.list?.fresh();
  const verdict = verdictOf(context, handle.content);
  return verdict.live ? atVersion(context, handle, verdict) : undefined;
}

/**
 * What the handle's own cookie says, and the list of revocations. A later cookie of the session is only in its browser: once
 * this one is out of time, or rotated away, the client has to present that.
 */
export async function presenceOf(
  context: SealedContext,
  handle: SealedHandle,
): Promise<Presence<SealedHandle>> {
  const { content } = handle;
  await context.list?.fresh();
  const verdict = verdictOf(context, content);
  if (!verdict.live && !sessionIsLive(verdict))
    return {
      kind: 'over',
      reason: verdict.why === 'evicted' || verdict.why === 'replaced' ? verdict.why : undefined,
    };
  if (!verdict.live || !isInTime(context, content)) return { kind: 'over', reason: 'renewed' };
  const now = context.now();
  return { kind: 'live', handle: atVersion(context, handle, verdict), renewed: false, now };
}

/**
 * For a late request with a predecessor: the successor that the request which rotated received. `rotatedAt` is now, so
 * that this request does not rotate again.
 */
function atVersion(
  context: SealedContext,
  handle: SealedHandle,
  verdict: Verdict & { live: true },
): SealedHandle {
  const { version } = verdict;
  if (version === handle.content.version) return handle;
  const { content, binding, token } = withDevice(handle, verdict);
  const record = { ...content.record, rotatedAt: context.now() };
  const successor = { ...content, version, record };
  try {
    return context.sealer.seal(successor, binding, record.data);
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    // The key of a device makes the cookie longer: what was written beside the binding may leave no room for it.
    return new SealedHandle(successor, token, binding, false);
  }
}

const isTooLarge = (error: unknown): boolean =>
  isSessionError(error) && error.code === 'ERR_COOKIE_TOO_LARGE';

const rejected = (why: RejectReason, id = ''): RejectedToken<SealedHandle> => ({ kind: 'rejected', why, id });
