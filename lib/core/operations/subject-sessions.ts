import type { EndReason } from '../events/events.js';
import type { SessionRecord } from '../model/record.js';
import { assertSubject } from '../model/subject.js';
import type { EngineContext } from '../request/engine-context.js';

/** Lists and revokes the sessions of a subject, whichever request opened them. */
export class SubjectSessions {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** The live sessions of a subject, the most recently used first. */
  async list(subject: string): Promise<SessionRecord[]> {
    assertSubject(subject);
    const [records, now] = await Promise.all([
      this.#context.backend.list(subject),
      this.#context.backend.now(),
    ]);
    return records
      .filter((record) => this.#context.timeoutOf(record, now) === undefined)
      .sort((a, b) => b.lastSeenAt - a.lastSeenAt);
  }

  /** Ends the session with this id; with `subject` only if the session belongs to that subject. */
  async revoke(id: string, subject?: string): Promise<number> {
    const ended = await this.#context.backend.destroyById(id, subject);
    for (const session of ended) this.#context.ended(session, 'revoked');
    return ended.length;
  }

  /**
   * Ends all sessions of a subject.
   *
   * @param except ids of sessions that are kept
   * @returns how many sessions were ended
   */
  async revokeAll(
    subject: string,
    except: readonly string[],
    reason: EndReason = 'revoked',
  ): Promise<number> {
    assertSubject(subject);
    let count = 0;
    await this.#context.backend.destroyAll(subject, except, (session) => {
      count++;
      this.#context.ended(session, reason);
    });
    return count;
  }
}
