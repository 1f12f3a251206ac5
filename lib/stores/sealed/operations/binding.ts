import { applyDelta, keyConflicts, type KeyChange } from '../../../core/model/record.js';
import type { AnsweredChallenge, BoundSessions, SaveResult } from '../../../core/storage/backend.js';
import { revocationOf, type Revocation, type RevocationList } from '../../../revocations/revocation-list.js';
import type { SealedContext } from '../context.js';
import type { SealedHandle } from '../handle.js';
import type { Content } from '../payload.js';
import { sessionEntry } from '../revocation-entries.js';
import { readBeforeRotation, verdictOf } from '../verdict.js';
import { olderGrace } from './saving.js';

/** How long an answered challenge is remembered after it is too old, in milliseconds: clocks differ. */
const MARGIN = 60_000;

/**
 * The keys of devices in sealed cookies. The key is in the cookie itself, because the one of a refresh is all that the server
 * has to verify a signature with. The cookies before it, which lack the key, are not to be worth more than the one with it:
 * so the binding is a rotation that the list knows, with the key in its entry, and a request with a predecessor is bound by
 * that. Answered challenges are entries of the list as well.
 *
 * Without a list the cookies of before the binding stay unbound until they expire, and a challenge can be answered again
 * until it is too old.
 */
export class SealedBound implements BoundSessions<SealedHandle> {
  readonly #context: SealedContext;

  constructor(context: SealedContext) {
    this.#context = context;
  }

  async bind(
    handle: SealedHandle,
    key: string,
    now: number,
    grace: number,
  ): Promise<SaveResult<SealedHandle>> {
    const { list, sealer, index } = this.#context;
    const { content, binding, presented } = handle;
    await readBeforeRotation(this.#context, content);
    const verdict = verdictOf(this.#context, content);
    if (!verdict.live) return { outcome: 'gone' };
    const change: KeyChange = { bind: key };
    if (verdict.version !== content.version || keyConflicts(content.record, change)) return CONFLICT;
    const version = content.version + 1;
    const record = applyDelta(content.record, { key: change });
    const after = sealer.seal({ ...content, version, record }, binding, content.record.data);
    const older = olderGrace(verdict.rotation, presented, now, grace);
    const terms = {
      why: 'rotated',
      // A predecessor is as much bound as its successor, so it may open the session for as long as it lasts: a node that has
      // not read this entry yet may still roll it.
      grace: Math.ceil(now + this.#context.limitsOf(record).idle + (list?.lag ?? 0)),
      honoured: true,
      device: key,
      ...(older !== undefined && { older }),
    } as const;
    if (list && !(await this.#add(list, sessionEntry(this.#context, record, terms, version), content, key)))
      return CONFLICT;
    // The session is bound, and its browser has to learn of it. The index only says since when.
    await index.bind(record, change).catch(() => undefined);
    return { outcome: 'saved', handle: after };
  }

  /**
   * Adds the entry of a binding. The list may have kept it although its call failed: the browser would forget the key, and the
   * session be bound to one that nobody has.
   */
  async #add(list: RevocationList, entry: Revocation, content: Content, key: string): Promise<boolean> {
    try {
      return await list.add(entry);
    } catch (error) {
      await Promise.resolve(list.sync()).catch(() => undefined);
      const verdict = verdictOf(this.#context, content);
      if (verdict.live && verdict.rotation?.device === key) return true;
      throw error;
    }
  }

  async answer(
    handle: SealedHandle,
    { nonce, until }: AnsweredChallenge,
    _now: number,
  ): Promise<SaveResult<SealedHandle>> {
    const { list } = this.#context;
    await list?.fresh();
    if (!verdictOf(this.#context, handle.content).live) return { outcome: 'gone' };
    // No session has this id: both are random.
    const entry = revocationOf(nonce, Math.ceil(until + (list?.lag ?? 0) + MARGIN), ANSWERED);
    if (list && !(await list.add(entry))) return CONFLICT;
    return { outcome: 'saved', handle };
  }
}

const CONFLICT = { outcome: 'conflict' } as const;
const ANSWERED = { why: 'ended', grace: 0, honoured: false } as const;
