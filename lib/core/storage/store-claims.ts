import type { Claim } from '../migration/claim.js';
import { openLink, sealLink } from '../migration/link.js';
import type { PredecessorSecret, SessionRecord } from '../model/record.js';
import { hashSecret, newNonce } from '../token/ids.js';
import type { Verified } from '../token/token-verifier.js';
import { loginRevoked, unavailable } from '../util/errors.js';
import type {
  BackendContext,
  ClaimedSessions,
  ClaimTerms,
  IssueResult,
  OldLink,
  OpenResult,
  UnsettledSession,
} from './backend.js';
import { StoreHealth } from './health/store-health.js';
import type { StoreCalls } from './store-calls.js';
import { StoreHandle } from './store-handle.js';
import type { Awaitable, EndedRecord, LoadedRecord } from './store.js';

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

  async open({ id, secret }: Claim): Promise<OpenResult<StoreHandle> | UnsettledSession<StoreHandle>> {
    const hash = hashSecret(secret);
    const opened = await this.#load({ id, secret, hash, form: 'current' });
    const handle = opened.kind === 'rejected' ? opened.former?.handle : undefined;
    return handle && isUnsettled(handle.record, hash) ? { kind: 'unsettled', handle } : opened;
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
      honoured: false,
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

  /** Nothing is changed where the session's own cookie was presented in the meantime. */
  async settle(handle: StoreHandle): Promise<StoreHandle | undefined> {
    const { record } = handle;
    const { previous, secretHash } = record;
    if (!previous || !isUnsettled(record, previous.hash)) return handle;
    const settled: PredecessorSecret = { ...previous, honoured: true };
    const confirm = { secretHash, previous: settled };
    const done = await this.#calls.write((store) =>
      store.commit(record.id, { epoch: handle.epoch, confirm }),
    );
    return done.outcome === 'saved' ? handle.withRecord({ ...record, previous: settled }) : undefined;
  }

  linkOf({ extra }: SessionRecord): OldLink | undefined {
    const sealed = extra?.[LINK];
    return sealed === undefined ? undefined : openLink(sealed, this.#context.signer.derived('migrate'));
  }

  async isMarked({ marker }: Claim): Promise<boolean> {
    return (await this.#found(marker)) !== undefined;
  }

  /** A record whose hash tells one session from another that takes the same old one over. */
  async mark({ marker: id }: Claim, ttl: number, by?: SessionRecord): Promise<boolean> {
    const mark = markerRecord(id, this.#context.clock.now(), by?.previous?.nonce);
    const found = await this.#found(id);
    if (found) return isSame(found, mark);
    return (await this.#insert(mark, ttl)) || isSame(await this.#found(id), mark);
  }

  /** In place of the record, which would be told to be a session that expired. */
  async seal({ marker: id }: Claim, ttl: number): Promise<void> {
    await this.#calls.write((store) => store.destroy(id, { reason: 'replaced', ttl }));
  }

  async #found(id: string): Promise<LoadedRecord | EndedRecord | undefined> {
    return this.#calls.read((store) => store.load(id));
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
      if (await this.#found(record.id)) return false;
      this.#calls.health.write.failed(cause);
      throw error;
    }
  }
}

/** The name of the link in `extra`, where a store keeps what it need not know. */
const LINK = 'migratedFrom';

/** @param hash of the secret that the claim stands for: no rotation leaves such a predecessor behind */
const isUnsettled = ({ previous }: SessionRecord, hash: string): boolean =>
  previous?.hash === hash && previous.pending === true && !previous.honoured;

/** @param nonce of the session that took the old one over */
const markerRecord = (id: string, now: number, nonce = newNonce()): SessionRecord => ({
  id,
  secretHash: hashSecret(nonce),
  revision: 0,
  factors: {},
  createdAt: now,
  startedAt: now,
  lastSeenAt: now,
  rotatedAt: now,
  remember: false,
  data: {},
});

const isSame = (found: LoadedRecord | EndedRecord | undefined, mark: SessionRecord): boolean =>
  found !== undefined && 'record' in found && found.record.secretHash === mark.secretHash;
