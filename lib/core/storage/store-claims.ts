import type { Claim } from '../migration/claim.js';
import { openLink, sealLink } from '../migration/link.js';
import type { PredecessorSecret, SessionRecord } from '../model/record.js';
import { hashSecret, newNonce, newSecret } from '../token/ids.js';
import type { Verified } from '../token/token-verifier.js';
import { loginRevoked, unavailable } from '../util/errors.js';
import type {
  BackendContext,
  ClaimedSessions,
  ClaimTerms,
  IssueResult,
  OldLink,
  OpenResult,
} from './backend.js';
import { StoreHealth } from './health/store-health.js';
import type { StoreCalls } from './store-calls.js';
import { StoreHandle } from './store-handle.js';
import type { Awaitable } from './store.js';

/**
 * Sessions that took those of another library over, in a store. The old credential has the part of a secret that was
 * rotated away: it opens the session until the new cookie is presented, so that a lost response or a concurrent request
 * leads to the same session.
 */
export class StoreClaims implements ClaimedSessions<StoreHandle> {
  readonly health: StoreHealth;
  readonly #calls: StoreCalls;
  readonly #context: BackendContext;
  readonly #load: (token: Verified) => Awaitable<OpenResult<StoreHandle>>;

  constructor(
    calls: StoreCalls,
    context: BackendContext,
    load: (token: Verified) => Awaitable<OpenResult<StoreHandle>>,
  ) {
    this.#calls = calls;
    this.#context = context;
    this.#load = load;
    this.health = new StoreHealth('migrate', context);
  }

  open({ id, secret }: Claim): Awaitable<OpenResult<StoreHandle>> {
    return this.#load({ id, secret, hash: hashSecret(secret), form: 'current' });
  }

  async create(
    { id, secret }: Claim,
    draft: SessionRecord,
    ttl: number,
    { now, pendingFor, provedAt, link }: ClaimTerms,
  ): Promise<IssueResult<StoreHandle> | undefined> {
    const { signer } = this.#context;
    const nonce = newNonce();
    const first = signer.successor(id, secret, nonce);
    const previous: PredecessorSecret = {
      hash: hashSecret(secret),
      until: now + pendingFor,
      honoured: true,
      nonce,
      pending: true,
    };
    const record = {
      ...draft,
      id,
      secretHash: hashSecret(first),
      previous,
      ...(link && { extra: { [LINK]: JSON.stringify(sealLink(link, signer.derived('migrate')[0]!)) } }),
    };
    const inserted = await this.#insert(record, ttl, provedAt);
    return inserted ? { handle: new StoreHandle(signer, record, first) } : undefined;
  }

  linkOf({ extra }: SessionRecord): OldLink | undefined {
    const sealed = extra?.[LINK];
    return sealed === undefined ? undefined : openLink(sealed, this.#context.signer.derived('migrate'));
  }

  async isMarked({ marker }: Claim): Promise<boolean> {
    return (await this.#calls.read((store) => store.load(marker))) !== undefined;
  }

  /** A tombstone needs a session that ended, so one is created for it. */
  async mark(claim: Claim, ttl: number): Promise<boolean> {
    if (await this.isMarked(claim)) return false;
    const { marker: id } = claim;
    if (!(await this.#insert(markerRecord(id, this.#context.clock.now()), ttl))) return false;
    await this.#calls.write((store) => store.destroy(id, { reason: 'replaced', ttl }));
    return true;
  }

  /** False if there is a record with this id: stores tell that by an error, as they tell an outage. */
  async #insert(record: SessionRecord, ttl: number, provedAt?: number): Promise<boolean> {
    try {
      const created = await this.#calls.attempt((store) => store.create(record, ttl, undefined, provedAt));
      if (created.outcome === 'revoked') throw loginRevoked();
      if (created.outcome === 'failed') throw unavailable(created.cause);
      return true;
    } catch (error) {
      const { code, cause } = unavailable(error);
      if (code !== 'ERR_STORE_UNAVAILABLE') throw error;
      if (await this.#calls.read((store) => store.load(record.id))) return false;
      this.#calls.health.write.failed(cause);
      throw error;
    }
  }
}

/** The name of the link in `extra`, where a store keeps what it need not know. */
const LINK = 'migratedFrom';

const markerRecord = (id: string, now: number): SessionRecord => ({
  id,
  // Of a secret that nobody has: stores refuse a record without one.
  secretHash: hashSecret(newSecret()),
  revision: 0,
  factors: {},
  createdAt: now,
  startedAt: now,
  lastSeenAt: now,
  rotatedAt: now,
  remember: false,
  data: {},
});
