import { applyDelta, DEVICE_KEY, keyConflicts, type SessionRecord } from '../../../core/model/record.js';
import type { AnsweredChallenge, BoundSessions, SaveResult } from '../../../core/storage/backend.js';
import type { Revocation, RevocationList } from '../../../revocations/revocation-list.js';
import type { SealedContext } from '../context.js';
import type { SealedHandle } from '../handle.js';
import type { Content } from '../payload.js';
import { answeredAt, answeredEntry, sessionEntry } from '../revocation-entries.js';
import { readBeforeRotation, verdictOf } from '../verdict.js';
import { reloadSession } from './opening.js';
import { olderGrace } from './saving.js';

/** Attempts to bind. An attempt fails if another request rotates the session at the same time. */
const ATTEMPTS = 5;

/**
 * The keys of devices in sealed cookies. The key is in the cookie itself, because the one of a refresh is all that the server
 * has to verify a signature with. The cookies before it, which lack the key, are not to be worth more than the one with it:
 * so the binding is a rotation that the list knows, with the key in its entry, and a request with a predecessor is bound by
 * that. The challenge that was answered last is an entry of the list as well, one for each session.
 *
 * Without a list the cookies of before the binding stay unbound until they expire, and a challenge can be answered again
 * until it is too old.
 */
export class SealedBound implements BoundSessions<SealedHandle> {
  readonly #context: SealedContext;

  constructor(context: SealedContext) {
    this.#context = context;
  }

  /** A rotation that comes first is no reason to refuse: its successor is bound. */
  async bind(
    handle: SealedHandle,
    key: string,
    now: number,
    grace: number,
  ): Promise<SaveResult<SealedHandle>> {
    let current = handle;
    for (let attempt = 1; ; attempt++) {
      await readBeforeRotation(this.#context, current.content);
      const reloaded = await reloadSession(this.#context, current);
      if (!reloaded) return { outcome: 'gone' };
      current = reloaded;
      const { record } = current.content;
      if (keyConflicts(record, { bind: key })) return CONFLICT;
      // An earlier call, or attempt, was recorded although it failed.
      if (record.extra?.[DEVICE_KEY] === key) return this.#recorded(current, key);
      const bound = await this.#bindAt(current, key, now, grace);
      if (bound.outcome !== 'conflict' || attempt === ATTEMPTS) return bound;
    }
  }

  /** `conflict` if another request rotates the session, or binds it, at this moment. */
  async #bindAt(
    { content, binding, presented }: SealedHandle,
    key: string,
    now: number,
    grace: number,
  ): Promise<SaveResult<SealedHandle>> {
    const { list, sealer } = this.#context;
    const verdict = verdictOf(this.#context, content);
    if (!verdict.live) return { outcome: 'gone' };
    if (verdict.version !== content.version) return CONFLICT;
    const version = content.version + 1;
    const record = applyDelta(content.record, { key: { bind: key } });
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
    return this.#recorded(after, key);
  }

  /** The session is bound, and its browser has to learn of it. The index only says since when. */
  async #recorded(handle: SealedHandle, key: string): Promise<SaveResult<SealedHandle>> {
    await this.#context.index.bind(handle.record, { bind: key }).catch(() => undefined);
    return { outcome: 'saved', handle };
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
    challenge: AnsweredChallenge,
    _now: number,
  ): Promise<SaveResult<SealedHandle>> {
    const { list } = this.#context;
    await list?.fresh();
    if (!verdictOf(this.#context, handle.content).live) return { outcome: 'gone' };
    const entry = answeredEntry(this.#context, handle.content.id, challenge);
    if (list && !(await list.add(entry))) return CONFLICT;
    return { outcome: 'saved', handle };
  }

  answeredAt({ id }: SessionRecord): number {
    return answeredAt(this.#context, id);
  }
}

const CONFLICT = { outcome: 'conflict' } as const;
