import type { Claim } from '../migration/claim.js';
import { LONGEST_COOKIE } from '../migration/longest-cookie.js';
import type { MigrationSource, OldCredential, OldSession } from '../migration/source.js';
import type { SessionRecord } from '../model/record.js';
import type { EngineContext } from '../request/engine-context.js';
import type { ClaimedSessions, SessionHandle } from '../storage/backend.js';
import { inTime } from '../storage/store-calls.js';
import type { Awaitable, CallReport } from '../storage/store.js';

/** What a credential of another library leads to. */
export interface Retired {
  readonly source: MigrationSource;
  readonly old: OldCredential;
  readonly claim: Claim;
}

/** By how much the clocks of two systems may differ, in milliseconds: an old cookie is remembered for so much longer. */
const CLOCKS_DIFFER = 60_000;

const GONE: OldSession = { login: () => undefined };

/** Calls the other library's store, and remembers which of its sessions came over. Its methods must not be called without claims. */
export class Retirement {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** The old session, if it is live. */
  load({ old }: Retired): Promise<OldSession | undefined> {
    return this.#ask(() => old.load(this.#context.config.clock.now()), this.#claims.health.read);
  }

  /**
   * Remembers that the old session came over, and ends it if it is not to go on.
   *
   * @param by the session that took it over
   * @returns that session; `undefined` if another one did so before, or it has ended
   */
  async settle(retired: Retired, there: OldSession, by: SessionHandle): Promise<SessionHandle | undefined> {
    const { claim, source } = retired;
    const first = await this.#claims.mark(claim, this.#rememberFor(there), by.record);
    const settled = first ? await this.#claims.settle(by) : undefined;
    // The mark suffices. What cannot be ended now expires by itself.
    const ended = !source.keepOld && (await this.#endOld(retired).then(yes, no));
    if (first) await this.#claims.seal(claim, this.#rememberFor(there, ended));
    return settled;
  }

  /**
   * Settles a session whose creator has not done so, or ends it if another one took the old one over before.
   *
   * @param there if it is live
   */
  async decide(retired: Retired, by: SessionHandle, there: OldSession = GONE): Promise<void> {
    const { claim, source } = retired;
    if (!(await this.#claims.mark(claim, this.#rememberFor(there), by.record))) {
      // Its creator may have settled it since it was read, which it does before it seals.
      const last = await this.#claims.open(claim);
      if (last.kind === 'unsettled' && isSame(last.handle.record, by.record))
        await this.#context.backend.destroy(last.handle);
      return;
    }
    await this.#claims.settle(by);
    if (!source.keepOld) await this.#endOld(retired).catch(no);
  }

  /** What the request that created the session does, unless it came to nothing after that. Only that one seals. */
  async settleAfter(retired: Retired, there: OldSession, by: SessionHandle, now: number): Promise<void> {
    const { claim, source } = retired;
    if (now - by.record.rotatedAt >= this.#settlingTime) return void (await this.settle(retired, there, by));
    if (await this.#claims.isMarked(claim)) return;
    await this.#claims.mark(claim, this.#rememberFor(there), by.record);
    if (!source.keepOld) await this.#endOld(retired).catch(no);
  }

  /**
   * Ends the old session, and remembers that.
   *
   * @param there if it is live
   */
  async end(retired: Retired, there: OldSession = GONE): Promise<void> {
    const { claim } = retired;
    await this.#claims.mark(claim, this.#rememberFor(there));
    await this.#endOld(retired);
    await this.#claims.seal(claim, this.#rememberFor(there, true));
  }

  /**
   * Milliseconds for which to remember that an old session came over.
   *
   * @param ended whether it has ended. One that goes on may be extended again and again.
   */
  #rememberFor({ expiresAt }: OldSession, ended = false): number {
    const { limits, rememberLimits, clock } = this.#context.config;
    if (expiresAt !== undefined) return Math.max(expiresAt - clock.now(), CLOCKS_DIFFER);
    return Math.max(limits.lifetime, rememberLimits.lifetime, ended ? 0 : LONGEST_COOKIE);
  }

  /** Milliseconds after which a request has settled a takeover that it began: each of its calls has a timeout. */
  get #settlingTime(): number {
    return 10 * this.#context.config.storeTimeout;
  }

  async #endOld({ old }: Retired): Promise<void> {
    if (old.end) await this.#ask(() => old.end!(), this.#claims.health.write);
  }

  /** @throws SessionError `ERR_STORE_UNAVAILABLE` if the old store fails: the request is neither anonymous nor logged in */
  #ask<T>(call: () => Awaitable<T>, report: CallReport): Promise<T> {
    return inTime(new Promise<T>((resolve) => resolve(call())), this.#context.config.storeTimeout, report);
  }

  get #claims(): ClaimedSessions {
    return this.#context.backend.claims!;
  }
}

/** Whether one request created both. */
const isSame = (one: SessionRecord, other: SessionRecord): boolean => one.secretHash === other.secretHash;

const yes = (): boolean => true;
const no = (): boolean => false;
