import { MAX_COOKIE_OCTETS } from '../../core/token/cookie.js';
import { nextMoment, TICK } from '../../core/util/clock.js';
import { loginRevoked, revocationUnavailable, SessionError, unavailable } from '../../core/util/errors.js';
import {
  type BackendWrite,
  type Client,
  type CreateTerms,
  type EndedSession,
  type IssueResult,
  type SessionBackend,
  type BackendContext,
  type OpenResult,
  type RejectedToken,
  type Rotation,
  type SaveResult,
} from '../../core/storage/backend.js';
import { authenticatedAt, timeoutOf } from '../../core/model/policy.js';
import type { RejectReason } from '../../core/model/reject-reason.js';
import { MOST_PER_SUBJECT } from '../../revocations/revocation-table.js';
import { applyDelta, type SessionRecord } from '../../core/model/record.js';
import {
  revocationOf,
  subjectRevocationOf,
  type RevocationList,
  type SessionTerms,
  type Verdict,
} from '../../revocations/revocation-list.js';
import { isSettled, isTimeout } from '../../core/storage/store-backend.js';
import type { Awaitable, SessionLimit, SessionStore, Tombstone } from '../../core/storage/store.js';
import type { SealedCodec } from './formats/format.js';
import { readContent, writeContent, type Content } from './payload.js';
import { SealedHandle, tooLarge } from './handle.js';
import { SessionIndex } from './session-index.js';
import { SealedCache } from './cache.js';

export interface SealedParts {
  codec: SealedCodec;
  /** Without it nothing can be revoked. */
  list: RevocationList | undefined;
  /** Who is logged in where, for `list()` and `maxSessions`. Never asked to open a session. */
  index: SessionStore | undefined;
  /** Whether a periodic rotation kills what was before. */
  enforceRotation: boolean;
  /** What ties a cookie to its bearer. */
  bindTo: ((client: Client) => string | undefined) | undefined;
}

/** How long an entry outlives the last token that it voids, in milliseconds: clocks differ. */
const MARGIN = 60_000;

/** How far the clocks of two nodes may be apart, measured against the list's, in milliseconds. */
const TOLERANCE = 1_000;

/** Attempts to record a revocation. Each time it fails, another node's of the same sessions was recorded. */
const ATTEMPTS = 100;

/** 128 bit in base64url. */
const ID = /^[\w-]{22}$/;

/** @throws SessionError `ERR_OPTIONS` for more than a revocation may name */
function sparedOf(ids: readonly string[]): string[] {
  // What has not the form of an id is no session's.
  const spared = [...new Set(ids)].filter((id) => ID.test(id));
  if (spared.length <= MOST_PER_SUBJECT) return spared;
  throw new SessionError(
    'ERR_OPTIONS',
    `revokeAll(): except: over sealed cookies at most ${MOST_PER_SUBJECT} sessions can be left alone. Name fewer, or revoke the others one by one.`,
  );
}

type Opened = OpenResult<SealedHandle>;

/** Keeps each session in its cookie; only what was revoked is kept elsewhere. */
export class SealedBackend implements SessionBackend<SealedHandle> {
  readonly cookieIsRecord = true;
  readonly #parts: SealedParts;
  readonly #context: BackendContext;
  readonly #index: SessionIndex;
  readonly #memory = new SealedCache();

  /** @throws SessionError `ERR_OPTIONS` for `maxSessions` without an index */
  constructor(parts: SealedParts, context: BackendContext) {
    if (context.countsSessions && !parts.index) {
      throw new SessionError(
        'ERR_OPTIONS',
        'SessionModule: maxSessions: sealed cookies are kept by the browsers alone, so nobody can count them. Give SealedCookie an "index", or drop maxSessions.',
      );
    }
    this.#parts = parts;
    this.#context = context;
    parts.list?.bind(context);
    this.#index = new SessionIndex(parts.index, context);
  }

  /** Form, length, version, key, seal, times, revocation: in this order. */
  open(value: string, client: Client): Awaitable<Opened> {
    const now = this.#now();
    const binding = this.#parts.bindTo?.(client);
    const content = this.#contentOf(value, binding);
    if (!content) return rejected(this.#parts.codec.hasForm(value) ? 'tampered' : 'foreign');
    if (!this.#inTime(content, now)) return rejected('unknown', content.id);
    const handle = new SealedHandle(content, value, binding, true);
    const waiting = this.#parts.list?.fresh();
    return waiting ? waiting.then(() => this.#admit(handle)) : this.#admit(handle);
  }

  isGenuine(value: string, client: Client): boolean {
    return this.#contentOf(value, this.#parts.bindTo?.(client)) !== undefined;
  }

  now(): Awaitable<number> {
    const waiting = this.#parts.list?.fresh();
    return waiting ? waiting.then(() => this.#now()) : this.#now();
  }

  proof(subject: string): () => number {
    const moment = nextMoment(this.#context.clock);
    const revoked = (this.#parts.list?.revokedAt(subject) ?? -Infinity) + TICK;
    return () => Math.max(revoked, moment + this.#skew);
  }

  async create(
    draft: SessionRecord,
    ttl: number,
    client: Client,
    terms: CreateTerms = {},
  ): Promise<IssueResult<SealedHandle>> {
    await this.#current(draft.subject);
    this.#assertProvedSince(draft.subject, terms.provedAt);
    const content: Content = {
      id: draft.id,
      version: 0,
      ...(draft.subject !== undefined && { subject: draft.subject }),
      issuedAt: this.#issuedAt(draft.subject),
      epoch: this.#parts.list?.epoch ?? '',
      record: draft,
      expiresAt: draft.lastSeenAt + ttl,
      endsAt: this.#endOf(draft, draft.startedAt),
    };
    const handle = this.#seal(content, this.#bindingOf(client), {});
    const evicted = await this.#preallocate(draft, terms.limit);
    // Others may have come in between, so the index counts again.
    const surplus = await this.#enlist(draft, ttl, terms);
    evicted.push(...(await this.#evictUnlisted(surplus, draft.id, terms.limit)));
    return { handle, evicted };
  }

  async #enlist(draft: SessionRecord, ttl: number, terms: CreateTerms): Promise<SessionRecord[]> {
    try {
      return await this.#index.add(draft, ttl, terms);
    } catch (error) {
      // It may be there although the store did not say so, and nobody holds it.
      if (isTimeout(error)) void this.#index.remove(draft.id).catch(ignore);
      else if (!isSettled(error)) await this.#index.remove(draft.id).catch(ignore);
      throw error;
    }
  }

  /**
   * Ends those that have to go for a login. Revoked first and taken out of the index after: whatever fails in
   * between, no session lives that the index does not know, for nobody could end it by its id.
   */
  async #preallocate(draft: SessionRecord, limit: SessionLimit | undefined): Promise<SessionRecord[]> {
    const evicted: SessionRecord[] = [];
    for (const one of await this.#index.surplus(draft, limit)) {
      if (await this.#evict(one, limit)) evicted.push(one);
      await this.#index.remove(one.id);
    }
    return evicted;
  }

  /** Of several logins at once the index took these out itself. Should they live on, it has to know them again. */
  async #evictUnlisted(
    surplus: readonly SessionRecord[],
    newcomer: string,
    limit: SessionLimit | undefined,
  ): Promise<SessionRecord[]> {
    const left = [...surplus];
    const evicted: SessionRecord[] = [];
    try {
      for (; left.length > 0; left.shift()) if (await this.#evict(left[0]!, limit)) evicted.push(left[0]!);
      return evicted;
    } catch (error) {
      for (const one of left) await this.#index.relist(one, this.#context.limitsOf(one).idle).catch(ignore);
      await this.#index.remove(newcomer).catch(ignore);
      throw error;
    }
  }

  /** False where another login evicted it first, and told of it. */
  async #evict(one: SessionRecord, limit: SessionLimit | undefined): Promise<boolean> {
    const { list } = this.#parts;
    const terms = { why: 'evicted', grace: this.#now() + (limit?.tombstoneTtl ?? 0) } as const;
    return list ? list.add(this.#revocation(one, terms)) : true;
  }

  async save(
    before: SealedHandle,
    change: BackendWrite,
    now: number,
    ttl?: number,
  ): Promise<SaveResult<SealedHandle>> {
    await this.#parts.list?.fresh();
    const { content } = before;
    const verdict = this.#check(content);
    if (!verdict.live) return { outcome: 'gone' };
    const { version } = verdict;
    const rotation = this.#enforced(change.rotate);
    // Another request rotated first; this one comes with what it left behind, in its grace.
    if (rotation && version !== content.version) return { outcome: 'conflict' };
    const after = this.#changed(before, change, rotation ? version + 1 : version, now, ttl);
    if (rotation) {
      const older = endOfOlder(verdict.rotation, before.presented, now, rotation.grace);
      if (!(await this.#raise(after.content, rotation, now, older))) return { outcome: 'conflict' };
    } else await this.#confirm(before, verdict.rotation, change, now);
    await this.#index.note(content.id, change.head, ttl);
    return { outcome: 'saved', handle: after };
  }

  async reload(handle: SealedHandle): Promise<SealedHandle | undefined> {
    await this.#parts.list?.fresh();
    const verdict = this.#check(handle.content);
    return verdict.live ? this.#atVersion(handle, verdict.version) : undefined;
  }

  /** @throws SessionError `ERR_COOKIE_TOO_LARGE` */
  #changed(
    before: SealedHandle,
    change: BackendWrite,
    version: number,
    now: number,
    ttl?: number,
  ): SealedHandle {
    // Only told to the list.
    if (!(change.data ?? change.head ?? change.rotate)) return before;
    const { content, binding } = before;
    // Rotated by another request, so that this cookie is not due for it again.
    const head = { ...(version !== content.version && { rotatedAt: now }), ...change.head };
    const record = applyDelta(content.record, { ...change.data, head });
    const next: Content = {
      ...content,
      version,
      record,
      expiresAt: ttl === undefined ? content.expiresAt : now + ttl,
      endsAt: head.startedAt === undefined ? content.endsAt : this.#endOf(record, record.startedAt),
    };
    return this.#seal(next, binding, content.record.data);
  }

  async destroy(handle: SealedHandle, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    const { list } = this.#parts;
    await list?.fresh();
    const { content } = handle;
    const verdict = this.#check(content);
    if (!verdict.live && !ofLiveSession(verdict)) {
      // Where an earlier try failed after the list was told.
      await this.#index.remove(content.id);
      return undefined;
    }
    const terms = { why: tombstone?.reason ?? 'ended', grace: this.#now() + (tombstone?.ttl ?? 0) } as const;
    const added = list ? await list.add(this.#revocation(content.record, terms)) : true;
    await this.#index.remove(content.id);
    return added ? content.record : undefined;
  }

  async list(subject: string): Promise<SessionRecord[]> {
    return this.#index.list(subject);
  }

  async destroyById(id: string, subject?: string): Promise<EndedSession[]> {
    const list = this.#revoking();
    if (!ID.test(id)) return [];
    const known = await this.#index.lookUp(id);
    if (known && subject !== undefined && known.subject !== subject) return [];
    if (!known && this.#index.known) return [];
    await list.fresh();
    // Without an index nobody here knows whose it is, nor whether it is any session's: the list is told and each
    // node compares. So what is returned is that it was recorded, and had not been before.
    const revocation =
      known || subject === undefined
        ? this.#revocation(known ?? { id }, { why: 'ended', grace: 0 })
        : subjectRevocationOf(subject, this.#voidBefore(subject), this.#longestIdle(), { only: [id] });
    const added = await list.add(revocation);
    await this.#index.remove(id);
    return added ? [known ?? { id, ...(subject !== undefined && { subject }) }] : [];
  }

  async destroyAll(
    subject: string,
    others: readonly string[],
    onEnded: (session: EndedSession) => void,
  ): Promise<void> {
    const list = this.#revoking();
    const except = sparedOf(others);
    const moment = nextMoment(this.#context.clock);
    await list.sync();
    const at = moment + this.#skew;
    await this.#revokeAll(list, subject, at, except);
    if (!this.#index.known) return onEnded({ id: '', subject });
    await this.#index.markRevoked(subject, at);
    const known = await this.#index.list(subject);
    for (const one of known) {
      // A login that came after it is listed as well.
      if (except.includes(one.id) || !provedBy(one, at)) continue;
      if (await this.#index.remove(one.id)) onEnded(one);
    }
  }

  /**
   * Recorded twice at least. Once it is there the first time, whoever reads the list refuses the logins that were
   * under way. Those who had read it before may have issued tokens beyond the entries of that time, all of which
   * are known after it: so the second one, of a higher rank than any of them, voids these tokens.
   */
  async #revokeAll(
    list: RevocationList,
    subject: string,
    at: number,
    except: readonly string[],
  ): Promise<void> {
    let recorded = 0;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const scope = { except, at: Math.max(at, list.revokedAt(subject)) };
      const until = this.#longestIdle();
      if (await list.add(subjectRevocationOf(subject, this.#voidBefore(subject), until, scope))) recorded++;
      if (recorded === 2) return;
      await list.sync();
    }
    throw unavailable(new Error(`other nodes revoked the same sessions ${ATTEMPTS} times meanwhile`));
  }

  publish(): void {
    // The list tells the other nodes what counts.
  }

  subscribe(): void {
    // And they hear of revocations, not of sessions.
  }

  async close(): Promise<void> {
    await this.#parts.list?.close();
    await this.#index.close();
  }

  /** Of whatever we sealed ourselves, also when its time is over. */
  #contentOf(value: string, binding: string | undefined): Content | undefined {
    const { codec } = this.#parts;
    if (value.length > MAX_COOKIE_OCTETS) return undefined;
    const known = codec.byValueAlone ? this.#memory.get(value) : undefined;
    if (known) return known;
    const text = codec.open(value, -Infinity, binding);
    const content = text === undefined ? undefined : readContent(text);
    if (content) this.#keep(value, content);
    return content;
  }

  #keep(value: string, content: Content): void {
    if (this.#parts.codec.byValueAlone) this.#memory.keep(value, content);
  }

  #admit(handle: SealedHandle): Opened {
    const { id } = handle.content;
    const verdict = this.#check(handle.content);
    if (verdict.live) return this.#live(handle, verdict);
    const { why } = verdict;
    // The session lives, although this token of it opens nothing any more.
    if (ofLiveSession(verdict)) {
      const former = { handle, everywhere: why === 'superseded' };
      return { ...rejected(why, id), former, lately: why === 'superseded' && verdict.lately };
    }
    return { ...rejected(why, id), lately: why === 'replaced' };
  }

  #live(handle: SealedHandle, { version, rotation }: Verdict & { live: true }): Opened {
    const current = this.#atVersion(handle, version);
    const renewed = current !== handle;
    const confirms = !renewed && isPending(rotation);
    return { kind: 'live', handle: current, now: this.#now(), present: !renewed, renewed, confirms };
  }

  /** What the request that rotated was given, for one that came late: rotated by now, so that it does not rotate again. */
  #atVersion(handle: SealedHandle, version: number): SealedHandle {
    const { content, binding } = handle;
    if (version === content.version) return handle;
    const record = { ...content.record, rotatedAt: this.#now() };
    return this.#seal({ ...content, version, record }, binding, record.data);
  }

  #check(content: Content): Verdict {
    const { list } = this.#parts;
    if (!list) return { live: true, version: content.version };
    return content.epoch === list.epoch ? list.check(content) : { live: false, why: 'ended' };
  }

  #inTime({ record, expiresAt, endsAt }: Content, now: number): boolean {
    if (!(now < expiresAt && now < endsAt)) return false;
    return timeoutOf(record, this.#context.limitsOf(record), now) === undefined;
  }

  /**
   * What was revoked up to now is known before a session of a user begins: else one that follows another could
   * be issued after the revocation that killed that one, and a login right after it before it.
   */
  #current(subject: string | undefined): void | Promise<void> {
    const { list } = this.#parts;
    return subject === undefined ? list?.fresh() : list?.sync();
  }

  /** A re-login kills what was before; a periodic rotation does where the application wants to pay for it. */
  #enforced(rotation: BackendWrite['rotate']): BackendWrite['rotate'] {
    return rotation && (!rotation.honoured || this.#parts.enforceRotation) ? rotation : undefined;
  }

  /** @param older when what is older than the predecessor becomes a sign of theft; `undefined` while it waits, too */
  async #raise(
    { record, version }: Content,
    { honoured, grace }: Rotation,
    now: number,
    older: number | undefined,
  ): Promise<boolean> {
    const { list } = this.#parts;
    if (!list) return true;
    const terms = {
      why: 'rotated',
      grace: now + grace,
      honoured,
      ...(older !== undefined && { older }),
    } as const;
    return list.add(this.#revocation(record, terms, version));
  }

  /**
   * From now on the predecessors of a token that was presented have their grace. A list that fails here fails nobody:
   * whoever presents it next tells the list again.
   */
  async #confirm(
    { content, presented }: SealedHandle,
    rotation: SessionTerms | undefined,
    change: BackendWrite,
    now: number,
  ): Promise<void> {
    const told = change.confirm ?? change.rotate;
    if (!told || !presented || !isPending(rotation)) return;
    const confirmed = Math.ceil(now + told.grace);
    const terms = { ...rotation, confirmed, older: rotation.older ?? confirmed };
    await this.#parts.list!.add(this.#revocation(content.record, terms, content.version)).catch(ignore);
  }

  /**
   * Every token of the session, whoever rolled it, was rolled by now, so it has expired an idle timeout later.
   * Not the session's end: that would keep entries for a lifetime.
   */
  #revocation(
    record: Pick<SessionRecord, 'id'> & Partial<SessionRecord>,
    terms: Partial<SessionTerms> & Pick<SessionTerms, 'why' | 'grace'>,
    version?: number,
  ) {
    const until =
      record.remember === undefined
        ? this.#longestIdle()
        : this.#expiredAfter(this.#context.limitsOf({ remember: record.remember }).idle);
    return revocationOf(record.id, until, { honoured: false, ...terms }, version);
  }

  /** When every token that exists now has expired for want of a roll. */
  #longestIdle(): number {
    const idles = [true, false].map((remember) => this.#context.limitsOf({ remember }).idle);
    return this.#expiredAfter(Math.max(...idles));
  }

  /** When the last token has expired that a node rolled which did not know yet. */
  #expiredAfter(idle: number): number {
    return this.#now() + idle + (this.#parts.list?.lag ?? 0) + MARGIN;
  }

  #endOf(record: SessionRecord, start: number): number {
    return start + this.#context.limitsOf(record).lifetime;
  }

  /** Later than every revocation of the subject that is known, whatever the clocks say. */
  #issuedAt(subject: string | undefined): number {
    const now = this.#now();
    return subject === undefined ? now : Math.max(now, (this.#parts.list?.revokedSince(subject) ?? 0) + 1);
  }

  /**
   * A little ahead, for a node whose clock is. A login that comes after it is issued later nevertheless, by
   * {@link #issuedAt}.
   */
  #voidBefore(subject: string): number {
    return Math.max(this.#now() + TOLERANCE, this.#parts.list!.revokedSince(subject) + 1);
  }

  #revoking(): RevocationList {
    const { list } = this.#parts;
    if (!list) throw revocationUnavailable();
    return list;
  }

  #bindingOf(client: Client): string | undefined {
    const { bindTo } = this.#parts;
    const binding = bindTo?.(client);
    if (!bindTo || binding) return binding;
    throw new SessionError(
      'ERR_OPTIONS',
      'SealedCookie: bindTo returned nothing for a request that begins a session, which could not be opened again. Return a text for every request that may log in.',
    );
  }

  /** @throws SessionError `ERR_COOKIE_TOO_LARGE` */
  #seal(content: Content, binding: string | undefined, before: SessionRecord['data']): SealedHandle {
    const { lastSeenAt, subject } = content.record;
    const envelope = { lastSeenAt, subject, expiresAt: content.expiresAt, binding };
    const value = this.#parts.codec.seal(writeContent(content), envelope);
    const octets = this.#context.cookieName.length + value.length;
    if (octets > MAX_COOKIE_OCTETS) throw tooLarge(octets, before, content.record.data);
    this.#keep(value, content);
    return new SealedHandle(content, value, binding, false);
  }

  /** @throws SessionError `ERR_LOGIN_REVOKED` for a login that was under way when the subject's sessions were revoked */
  #assertProvedSince(subject: string | undefined, provedAt: number | undefined): void {
    const { list } = this.#parts;
    if (!list || subject === undefined || provedAt === undefined) return;
    if (!(provedAt > list.revokedAt(subject))) throw loginRevoked();
  }

  #now(): number {
    return this.#context.clock.now() + this.#skew;
  }

  /** Milliseconds that the clock which decides is ahead of ours. */
  get #skew(): number {
    return this.#context.clockInjected ? 0 : (this.#parts.list?.skew ?? 0);
  }
}

const isPending = (rotation: SessionTerms | undefined): rotation is SessionTerms =>
  rotation?.why === 'rotated' && rotation.confirmed === undefined;

/** Whether the session lives, although this token of it opens nothing any more. */
const ofLiveSession = (verdict: Verdict & { live: false }): boolean =>
  verdict.why === 'superseded' || verdict.why === 'reused';

/**
 * Till when what is older than the predecessor of the next rotation is no sign of theft: what was valid until now
 * has another grace. `undefined` where that waits for the successor to be presented, as for the predecessor itself.
 *
 * @param rotation the one before, if the list has it; else all that is older has expired
 */
function endOfOlder(
  rotation: SessionTerms | undefined,
  presented: boolean,
  now: number,
  grace: number,
): number | undefined {
  if (!rotation) return 0;
  const end = rotation.confirmed ?? (presented ? now + grace : undefined);
  if (end === undefined) return undefined;
  const wasValid = rotation.honoured && now < rotation.grace;
  return Math.max(end, rotation.older ?? 0, wasValid ? now + grace : 0);
}

/** A session of which it is not known when its subject proved itself counts as older. */
function provedBy({ factors }: SessionRecord, time: number): boolean {
  const proved = authenticatedAt(factors);
  return proved === undefined || proved <= time;
}

function ignore(): void {}

const rejected = (why: RejectReason, id = ''): RejectedToken<SealedHandle> => ({ kind: 'rejected', why, id });
