import { MAX_COOKIE_OCTETS } from '../core/cookie.js';
import { revocationUnavailable, SessionError } from '../core/errors.js';
import {
  Dead,
  type Change,
  type Client,
  type EndedSession,
  type Held,
  type Issued,
  type Keeper,
  type KeeperContext,
  type Opened,
  type Saved,
} from '../core/keeper.js';
import { Standing, standingOf } from '../core/policy.js';
import { MOST_PER_SUBJECT } from '../core/revocation-table.js';
import { applyDelta, type SessionRecord } from '../core/record.js';
import {
  revocationOf,
  subjectRevocationOf,
  type RevocationList,
  type SessionTerms,
  type Verdict,
} from '../core/revocations.js';
import type { Awaitable, Epitaph, SessionLimit, SessionStore } from '../core/store.js';
import type { SealedCodec } from './sealed-codec.js';
import { readContent, writeContent, type Content } from './sealed-content.js';
import { SealedHeld, tooLarge } from './sealed-held.js';
import { SealedIndex } from './sealed-index.js';
import { SealedMemory } from './sealed-memory.js';

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

/** Keeps each session in its cookie; only what was revoked is kept elsewhere. */
export class SealedKeeper implements Keeper {
  readonly cookieIsRecord = true;
  readonly #parts: SealedParts;
  readonly #context: KeeperContext;
  readonly #index: SealedIndex;
  readonly #memory = new SealedMemory();

  /** @throws SessionError `ERR_OPTIONS` for `maxSessions` without an index */
  constructor(parts: SealedParts, context: KeeperContext) {
    if (context.countsSessions && !parts.index) {
      throw new SessionError(
        'ERR_OPTIONS',
        'SessionModule: maxSessions: sealed cookies are kept by the browsers alone, so nobody can count them. Give SealedCookie an "index", or drop maxSessions.',
      );
    }
    this.#parts = parts;
    this.#context = context;
    parts.list?.bind(context);
    this.#index = new SealedIndex(parts.index, context);
  }

  /** Length, version, key, seal, times, revocation: in this order, and every failure has one result. */
  open(value: string, client: Client): Awaitable<Opened> {
    if (value.length > MAX_COOKIE_OCTETS) return dead(Dead.Tampered);
    const now = this.now();
    const binding = this.#parts.bindTo?.(client);
    const content = this.#contentOf(value, now, binding);
    if (!content) return dead(Dead.Tampered);
    if (!this.#inTime(content, now)) return dead(Dead.Unknown, content.id);
    const held = new SealedHeld(content, value, binding);
    const waiting = this.#parts.list?.fresh();
    return waiting ? waiting.then(() => this.#admit(held)) : this.#admit(held);
  }

  now(): number {
    const { clock, clockInjected } = this.#context;
    return clockInjected ? clock.now() : clock.now() + (this.#parts.list?.skew ?? 0);
  }

  async create(draft: SessionRecord, ttl: number, client: Client, limit?: SessionLimit): Promise<Issued> {
    await this.#current(draft.subject);
    const content: Content = {
      id: draft.id,
      version: 0,
      ...(draft.subject !== undefined && { subject: draft.subject }),
      issuedAt: this.#issuedAt(draft.subject),
      epoch: this.#parts.list?.epoch ?? '',
      record: draft,
      expiresAt: draft.lastSeenAt + ttl,
      endsAt: this.#endOf(draft, draft.createdAt),
    };
    const held = this.#seal(content, this.#bindingOf(client), {});
    const evicted = await this.#makeRoom(draft, limit);
    // Others may have come in between, so the index counts again.
    const surplus = await this.#index.enlist(draft, ttl, limit);
    evicted.push(...(await this.#evictUnlisted(surplus, draft.id, limit)));
    return { held, evicted };
  }

  /**
   * Ends those that have to go for a login. Revoked first and taken out of the index after: whatever fails in
   * between, no session lives that the index does not know, for nobody could end it by its id.
   */
  async #makeRoom(draft: SessionRecord, limit: SessionLimit | undefined): Promise<SessionRecord[]> {
    const evicted: SessionRecord[] = [];
    for (const one of await this.#index.surplus(draft, limit)) {
      if (await this.#evict(one, limit)) evicted.push(one);
      await this.#index.delist(one.id);
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
      await this.#index.delist(newcomer).catch(ignore);
      throw error;
    }
  }

  /** False where another login evicted it first, and told of it. */
  async #evict(one: SessionRecord, limit: SessionLimit | undefined): Promise<boolean> {
    const { list } = this.#parts;
    const terms = { why: 'evicted', grace: this.now() + (limit?.linger ?? 0) } as const;
    return list ? list.add(this.#revocation(one, terms)) : true;
  }

  async save(held: Held, change: Change, now: number, ttl?: number): Promise<Saved> {
    await this.#parts.list?.fresh();
    const { content, binding } = held as SealedHeld;
    const verdict = this.#check(content);
    if (!verdict.live) return { outcome: 'gone' };
    const rotation = this.#enforced(change.rotate);
    // Another request rotated first; this one comes with what it left behind, in its grace.
    if (rotation && verdict.version !== content.version) return { outcome: 'conflict' };
    const record = applyDelta(content.record, { secret: '', ...change.data, head: change.head });
    const version = verdict.version + (rotation ? 1 : 0);
    const next: Content = {
      ...content,
      version,
      record,
      expiresAt: ttl === undefined ? content.expiresAt : now + ttl,
      endsAt: change.head?.createdAt === undefined ? content.endsAt : this.#endOf(record, record.createdAt),
    };
    const sealed = this.#seal(next, binding, content.record.data);
    if (rotation && !(await this.#raise(next, now + rotation.grace, rotation.honoured)))
      return { outcome: 'conflict' };
    await this.#index.note(record.id, change.head, ttl);
    return { outcome: 'saved', held: sealed };
  }

  async reload(held: Held): Promise<Opened> {
    await this.#parts.list?.fresh();
    return this.#admit(held as SealedHeld);
  }

  async destroy(held: Held, word?: { epitaph: Epitaph; linger: number }): Promise<SessionRecord | undefined> {
    const { list } = this.#parts;
    await list?.fresh();
    const { content } = held as SealedHeld;
    const verdict = this.#check(content);
    if (!verdict.live) {
      // Where an earlier try failed after the list was told. A superseded version says nothing of the session.
      if (verdict.why === 'ended' || verdict.why === 'evicted') await this.#index.delist(content.id);
      return undefined;
    }
    const terms = { why: word?.epitaph ?? 'ended', grace: this.now() + (word?.linger ?? 0) } as const;
    const added = list ? await list.add(this.#revocation(content.record, terms)) : true;
    await this.#index.delist(content.id);
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
    await this.#index.delist(id);
    return added ? [known ?? { id, ...(subject !== undefined && { subject }) }] : [];
  }

  async destroyAll(subject: string, others: readonly string[]): Promise<EndedSession[]> {
    const list = this.#revoking();
    const except = sparedOf(others);
    await list.fresh();
    const known = this.#index.known ? await this.#index.list(subject) : undefined;
    const revocation = subjectRevocationOf(subject, this.#voidBefore(subject), this.#longestIdle(), {
      except,
    });
    const added = await list.add(revocation);
    const doomed = known?.filter(({ id }) => !except.includes(id));
    for (const { id } of doomed ?? []) await this.#index.delist(id);
    if (!added) return [];
    return doomed ?? [{ id: '', subject }];
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

  #contentOf(value: string, now: number, binding: string | undefined): Content | undefined {
    const { codec } = this.#parts;
    const known = codec.byValueAlone ? this.#memory.recall(value) : undefined;
    if (known) return known;
    const text = codec.open(value, now, binding);
    const content = text === undefined ? undefined : readContent(text);
    if (content) this.#keep(value, content);
    return content;
  }

  #keep(value: string, content: Content): void {
    if (this.#parts.codec.byValueAlone) this.#memory.keep(value, content);
  }

  #admit(held: SealedHeld): Awaitable<Opened> {
    const { content } = held;
    const verdict = this.#check(content);
    if (verdict.live) return this.#live(held, verdict.version);
    switch (verdict.why) {
      case 'ended':
        return dead(Dead.Unknown, content.id);
      case 'superseded':
        return dead(Dead.Superseded, content.id);
      case 'evicted':
        return dead(Dead.Evicted, content.id);
      case 'reused':
        return this.#reused(content);
    }
  }

  #live(held: SealedHeld, version: number): Opened {
    const renewed = version !== held.content.version;
    const now = this.now();
    return { kind: 'live', held: renewed ? this.#successor(held, version, now) : held, now, renewed };
  }

  /** What the request that rotated was given, for one that came late: rotated by now, so that it does not rotate again. */
  #successor({ content, binding }: SealedHeld, version: number, rotatedAt: number): SealedHeld {
    const record = { ...content.record, rotatedAt };
    return this.#seal({ ...content, version, record }, binding, record.data);
  }

  /** A token that was superseded, and somebody kept it: whoever holds the successor may be the thief. */
  async #reused({ id, record }: Content): Promise<Opened> {
    const ended = await this.#parts.list!.add(this.#revocation(record, { why: 'ended', grace: 0 }));
    await this.#index.delist(id);
    return { kind: 'dead', why: Dead.Reused, id, ...(ended && { ended: record }) };
  }

  #check(content: Content): Verdict {
    const { list } = this.#parts;
    if (!list) return { live: true, version: content.version };
    return content.epoch === list.epoch ? list.check(content) : { live: false, why: 'ended' };
  }

  #inTime({ record, expiresAt, endsAt }: Content, now: number): boolean {
    if (!(now < expiresAt && now < endsAt)) return false;
    return standingOf(record, this.#context.limitsOf(record), now) === Standing.Live;
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
  #enforced(rotation: Change['rotate']): Change['rotate'] {
    return rotation && (!rotation.honoured || this.#parts.enforceRotation) ? rotation : undefined;
  }

  async #raise({ record, version }: Content, grace: number, honoured: boolean): Promise<boolean> {
    const { list } = this.#parts;
    if (!list) return true;
    return list.add(this.#revocation(record, { why: 'rotated', grace, honoured }, version));
  }

  /**
   * Every token of the session, whoever rolled it, was rolled by now, so it has expired an idle timeout later.
   * Not the session's end: that would keep entries for a lifetime.
   */
  #revocation(
    record: Pick<SessionRecord, 'id'> & Partial<SessionRecord>,
    terms: Omit<SessionTerms, 'kind' | 'id' | 'honoured'> & { honoured?: boolean },
    version?: number,
  ) {
    const until =
      record.persistent === undefined
        ? this.#longestIdle()
        : this.#expiredAfter(this.#context.limitsOf({ persistent: record.persistent }).idle);
    return revocationOf(record.id, until, { honoured: false, ...terms }, version);
  }

  /** When every token that exists now has expired for want of a roll. */
  #longestIdle(): number {
    const idles = [true, false].map((persistent) => this.#context.limitsOf({ persistent }).idle);
    return this.#expiredAfter(Math.max(...idles));
  }

  /** When the last token has expired that a node rolled which did not know yet. */
  #expiredAfter(idle: number): number {
    return this.now() + idle + (this.#parts.list?.lag ?? 0) + MARGIN;
  }

  #endOf(record: SessionRecord, start: number): number {
    return start + this.#context.limitsOf(record).lifetime;
  }

  /** Later than every revocation of the subject that is known, whatever the clocks say. */
  #issuedAt(subject: string | undefined): number {
    const now = this.now();
    return subject === undefined ? now : Math.max(now, (this.#parts.list?.revokedSince(subject) ?? 0) + 1);
  }

  /**
   * A little ahead, for a node whose clock is. A login that comes after it is issued later nevertheless, by
   * {@link #issuedAt}.
   */
  #voidBefore(subject: string): number {
    return Math.max(this.now() + TOLERANCE, this.#parts.list!.revokedSince(subject) + 1);
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
  #seal(content: Content, binding: string | undefined, before: SessionRecord['data']): SealedHeld {
    const { lastSeenAt, subject } = content.record;
    const envelope = { lastSeenAt, subject, expiresAt: content.expiresAt, binding };
    const value = this.#parts.codec.seal(writeContent(content), envelope);
    const octets = this.#context.cookieName.length + value.length;
    if (octets > MAX_COOKIE_OCTETS) throw tooLarge(octets, before, content.record.data);
    this.#keep(value, content);
    return new SealedHeld(content, value, binding);
  }
}

function ignore(): void {}

const dead = (why: Dead, id = ''): Opened => ({ kind: 'dead', why, id });
