import { hashSecret, newId, newSecret } from '../../token/ids.js';
import type { StorePart } from '../../events/events.js';
import type { SessionRecord } from '../../model/record.js';
import { inTime } from '../store-calls.js';
import type { Awaitable, SessionStore, StoreContext, StoreFinding } from '../store.js';
import { causeOf } from './error-cause.js';
import { PART_NAMES } from './store-names.js';
import { skewFinding } from './clock-finding.js';

/** Milliseconds that a whole examination may take. It sends messages, and waits for them. */
const EXAMINATION_TIMEOUT = 10_000;

/** Milliseconds for which the session of a trial is kept, should the process die before it ends it. */
const TRIAL_TTL = 30_000;

/** A store, an index or a list of revocations that may say more than what is wrong with it. */
interface Examinable {
  examine?(): Awaitable<readonly StoreFinding[]>;
}

/** How the store is used. */
type Use = Pick<StoreContext, 'clock' | 'clockInjected' | 'timeout'>;

/**
 * What a store says of itself, and whether it does what it is for: it is given a session of no user, which is then ended.
 * Never rejects.
 */
export async function examineStore(part: StorePart, store: SessionStore, use: Use): Promise<StoreFinding[]> {
  const own = await findingsOf(part, store);
  const trial = await tryOut(part, store, use);
  return [...own, ...trial];
}

/** What it says of itself, with its part named. A failure is a problem, too. */
export async function findingsOf(part: StorePart, examined: Examinable): Promise<StoreFinding[]> {
  if (!examined.examine) return [];
  try {
    const found = await inTime(
      Promise.resolve().then(() => examined.examine!()),
      EXAMINATION_TIMEOUT,
    );
    return found.map((one) => ({ ...one, finding: `${PART_NAMES[part]}: ${one.finding}` }));
  } catch (error) {
    return [
      {
        level: 'problem',
        finding: `${PART_NAMES[part]} cannot be examined: ${causeOf(error)}.`,
        remedy: 'Check that its server responds, and what the user of the client may do.',
      },
    ];
  }
}

async function tryOut(part: StorePart, store: SessionStore, use: Use): Promise<StoreFinding[]> {
  const { timeout = EXAMINATION_TIMEOUT } = use;
  const limited = <T>(call: () => Awaitable<T>): Promise<T> => inTime(Promise.resolve().then(call), timeout);
  const { id, ...rest } = trialRecord(use.clock.now());
  let step = 'store a session';
  try {
    await limited(() => store.create({ id, ...rest }, TRIAL_TTL));
    step = 'change a session';
    const saved = await limited(() => store.commit(id, { epoch: 0, set: { trial: '1' }, ttl: TRIAL_TTL }));
    step = 'load a session that it has stored';
    const began = performance.now();
    const sent = use.clock.now();
    const loaded = await limited(() => store.load(id));
    const took = performance.now() - began;
    const sound =
      saved.outcome === 'saved' && loaded && 'record' in loaded && loaded.record.data['trial'] === '1';
    if (!sound) return [failed(part, step, 'what it gave back was something else')];
    step = 'end a session';
    await limited(() => store.destroy(id));
    if (await limited(() => store.load(id))) return [failed(part, step, 'it is still there')];
    const skew = loaded.time === undefined || use.clockInjected ? undefined : loaded.time - (sent + took / 2);
    return [
      {
        level: 'ok',
        finding: `${PART_NAMES[part]} stores, changes, loads and ends sessions; a load takes ${took.toFixed(1)} ms.`,
      },
      ...(skew === undefined ? [] : skewFinding(part, skew, took / 2)),
    ];
  } catch (error) {
    // It ends by itself after a while.
    await limited(() => store.destroy(id)).catch(() => undefined);
    return [failed(part, step, causeOf(error))];
  }
}

const failed = (part: StorePart, step: string, why: string): StoreFinding => ({
  level: 'problem',
  finding: `${PART_NAMES[part]} does not ${step}: ${why}.`,
  remedy: 'Check that its server responds and takes writes, and what the user of the client may do.',
});

/** Of no user, so that it is in no list. */
function trialRecord(now: number): SessionRecord {
  const times = { createdAt: now, startedAt: now, lastSeenAt: now, rotatedAt: now };
  const secretHash = hashSecret(newSecret());
  return { id: newId(), secretHash, revision: 0, factors: {}, ...times, remember: false, data: {} };
}
