import type { DevicePolicy } from '../device/device-policy.js';
import type { Clock } from '../util/clock.js';
import type { ResolvedCookie } from '../token/cookie.js';
import type { DataParser } from '../model/data-schema.js';
import type { EndReason, EventHub, SessionEvent } from '../events/events.js';
import { newId } from '../token/ids.js';
import type { EndedSession, SessionHandle, SessionBackend, Rotation } from '../storage/backend.js';
import { expiryOf, timeoutOf, type Limits, type Timeout } from '../model/policy.js';
import type { Device, SessionRecord } from '../model/record.js';
import type { MigrationSource } from '../migration/source.js';
import type { Tombstone } from '../storage/store.js';
import type { FailedCall } from './calls.js';
import { isSessionError } from '../util/errors.js';
import type { RequestState } from './request-state.js';
import { presentsCurrent, type LiveState } from './state.js';

/** The longest that a periodic rotation waits for its successor to be presented, in milliseconds. */
const LONGEST_PENDING = 24 * 60 * 60 * 1000;

/**
 * The decision for a session whose client may not be the one that logged in: `ok` goes on, `relogin` lets no login count as
 * fresh until the next re-login, `end` ends the session.
 */
export type ProtectionVerdict = 'ok' | 'relogin' | 'end';

/** The options as the engine needs them. Spans of time are milliseconds. */
export interface EngineConfig {
  cookie: ResolvedCookie;
  limits: Limits;
  /** For persistent sessions. */
  rememberLimits: Limits;
  rollEvery: number;
  rotateEvery: number | false;
  /** How long a predecessor is not a sign of theft once its successor was presented, and how long the tombstone of a replaced session is kept. */
  grace: number;
  maxSessions?: (subject: string) => number | undefined;
  onExceeded: 'evict-oldest' | 'reject';
  protect?: (now: Device, then: Device) => ProtectionVerdict;
  /** Reads and validates the data of a session. */
  parse?: DataParser;
  /** Milliseconds for which what is open may go by the state that it has. */
  reloadEvery: number;
  /** Milliseconds that a store may take to respond. */
  storeTimeout: number;
  clock: Clock;
  /** Turns an error into what the application gets within a request. @default the error itself */
  asThrown?: (error: unknown) => unknown;
  /** Called with a failed call of the application whose promise nothing handles. */
  onUnhandledCall?: (call: FailedCall) => void;
  /** How long ago a login may be for a guarded handler that names no window of its own, in milliseconds. */
  reloginWithin: number;
  /** The option `deviceBound`. Absent where no session is bound to a device. */
  device?: DevicePolicy | undefined;
  /** Where sessions come over from, in the order in which they are asked. */
  migrate?: readonly MigrationSource[];
  /** Called with what the `map` of a source threw, or with what is wrong with its result. */
  onMapFailed?: (source: string, error: unknown) => void;
  /** Waits for so many milliseconds between two attempts of an update. @default a timer */
  pause?: (milliseconds: number) => Promise<void>;
}

type Told = SessionEvent extends infer E
  ? E extends SessionEvent
    ? Omit<E, 'id' | 'at' | 'subject'>
    : never
  : never;

/** What opening, committing and the rest of a session's life have in common. */
export class EngineContext {
  constructor(
    readonly config: EngineConfig,
    readonly backend: SessionBackend,
    readonly events: EventHub,
  ) {}

  limitsOf(record: Pick<SessionRecord, 'remember'> | undefined): Limits {
    return record?.remember ? this.config.rememberLimits : this.config.limits;
  }

  timeoutOf(record: SessionRecord, now: number): Timeout | undefined {
    return timeoutOf(record, this.limitsOf(record), now);
  }

  /** When the session ends without further activity, in milliseconds since the epoch. */
  expiryOf(state: RequestState): number {
    const now = state.now();
    return expiryOf(
      state.handle?.record ?? { startedAt: now, lastSeenAt: now },
      this.limitsOf(state.handle?.record),
    );
  }

  /** Until when something that stays open may go on without that its client comes again, in milliseconds since the epoch. */
  accessUntil(state: RequestState, record: SessionRecord): number {
    return this.config.device?.accessUntil(record, state.provedUntil, state.now()) ?? Infinity;
  }

  recordExpiry(record: SessionRecord): number {
    return expiryOf(record, this.limitsOf(record));
  }

  /** An error as the application gets it. Of a handshake no client awaits a response. */
  thrown(state: RequestState, error: unknown): unknown {
    if (state.asThrown) return state.asThrown(error);
    const { asThrown } = this.config;
    if (state.response.detached || !asThrown) return error;
    if (isSessionError(error) && error.statusCode === 401) state.askForLogin();
    return asThrown(error);
  }

  /** How long a store has to keep the record. */
  ttl(record: SessionRecord, now: number): number {
    return Math.max(0, this.recordExpiry(record) - now);
  }

  /** The time by the deciding clock. Queried from the store at most once, if no record has brought it. */
  async time(state: RequestState): Promise<{ now: number; skew: number }> {
    const skew = state.skew ?? state.synchronise(await this.backend.now());
    return { now: state.now(), skew };
  }

  /**
   * Whether `update()` may write although the head of the response is sent, as in a stream: into a session that is stored,
   * so that it needs no new cookie.
   */
  updatesAfterHead(state: RequestState): boolean {
    const { kind } = state.state;
    return (
      state.response.closed && kind !== 'anonymous' && kind !== 'unavailable' && !this.backend.cookieIsRecord
    );
  }

  /** @throws SessionError `ERR_HEAD_SENT`, `ERR_SESSION_ENDED` */
  assertUpdatable(state: RequestState): void {
    if (state.state.kind === 'anonymous' && !this.backend.cookieIsRecord) state.response.assertStorable();
    state.assertWritable();
  }

  /** The terms of a rotation by this request. */
  rotation(live: LiveState, honoured: boolean): Rotation {
    return {
      honoured,
      grace: this.config.grace,
      pendingFor: this.pendingFor(this.limitsOf(live.handle.record).idle),
      presented: presentsCurrent(live),
    };
  }

  /** Milliseconds for which a replaced secret opens the session until its successor is presented. */
  pendingFor(idle: number): number {
    return Math.min(idle, LONGEST_PENDING);
  }

  draft(now: number, rest: Partial<SessionRecord>): SessionRecord {
    return {
      id: newId(),
      secretHash: '',
      revision: 0,
      factors: {},
      createdAt: now,
      startedAt: now,
      lastSeenAt: now,
      rotatedAt: now,
      remember: false,
      data: {},
      ...rest,
    };
  }

  /** Ends a session and emits `ended`, unless it had already ended. */
  async destroy(
    handle: SessionHandle,
    reason: EndReason,
    tombstone?: Tombstone,
  ): Promise<SessionRecord | undefined> {
    const ended = await this.backend.destroy(handle, tombstone);
    if (ended) this.ended(ended, reason);
    return ended;
  }

  ended({ id, subject }: EndedSession, reason: EndReason): void {
    const at = this.config.clock.now();
    const event: SessionEvent = { type: 'ended', id, at, reason, ...(subject !== undefined && { subject }) };
    this.events.emit(event);
    this.backend.publish(event);
  }

  emit(state: RequestState, told: Told): void {
    if (!this.events.observed) return;
    const subject = state.handle?.record.subject;
    const event = { ...told, id: state.id, at: state.now(), ...(subject !== undefined && { subject }) };
    this.events.emit(event);
  }
}
