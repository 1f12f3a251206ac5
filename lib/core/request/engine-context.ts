import { preciseNow, type Clock } from '../util/clock.js';
import type { ResolvedCookie } from '../token/cookie.js';
import type { DataValidator } from '../model/data.js';
import type { EndReason, EventHub, SessionEvent } from '../events/events.js';
import { newId } from '../token/ids.js';
import type { EndedSession, Held, Keeper, Rotation } from '../storage/backend.js';
import { expiryOf, standingOf, type Limits, type Standing } from '../model/policy.js';
import type { Device, SessionRecord } from '../model/record.js';
import type { Epitaph } from '../storage/store.js';
import type { Unit } from './request-state.js';

/** The longest that a periodic rotation waits for its successor to be presented, in milliseconds. */
const LONGEST_PENDING = 24 * 60 * 60 * 1000;

/** What becomes of a session whose client is not the one that logged in. */
export type ProtectionVerdict = 'ok' | 'relogin' | 'end';

/** The options as the engine needs them. Spans of time are milliseconds. */
export interface EngineConfig {
  cookie: ResolvedCookie;
  limits: Limits;
  /** For persistent sessions. */
  rememberLimits: Limits;
  rollEvery: number;
  rotateEvery: number | false;
  /** How long a predecessor is no sign of theft once its successor was presented, and a replaced session leaves a word. */
  grace: number;
  maxSessions?: (subject: string) => number | undefined;
  onExceeded: 'evict-oldest' | 'reject';
  protect?: (now: Device, then: Device) => ProtectionVerdict;
  validate?: DataValidator;
  /** Milliseconds that a store may take to answer. */
  storeTimeout: number;
  clock: Clock;
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
    readonly keeper: Keeper,
    readonly events: EventHub,
  ) {}

  limitsOf(record: Pick<SessionRecord, 'persistent'> | undefined): Limits {
    return record?.persistent ? this.config.rememberLimits : this.config.limits;
  }

  standing(record: SessionRecord, now: number): Standing {
    return standingOf(record, this.limitsOf(record), now);
  }

  /** When the unit's session ends if nothing more is heard of it. */
  expiryOf(unit: Unit): number {
    const now = unit.now();
    return expiryOf(
      unit.held?.record ?? { createdAt: now, lastSeenAt: now },
      this.limitsOf(unit.held?.record),
    );
  }

  recordExpiry(record: SessionRecord): number {
    return expiryOf(record, this.limitsOf(record));
  }

  /** How long a store has to keep the record. */
  ttl(record: SessionRecord, now: number): number {
    return Math.max(0, this.recordExpiry(record) - now);
  }

  /** The time that decides, asked of the store once where it was not told with a record. */
  async time(unit: Unit): Promise<number> {
    unit.skew ??= (await this.keeper.now()) - preciseNow(this.config.clock);
    return unit.now();
  }

  /** The terms of a rotation by this request. */
  rotation(unit: Unit, honoured: boolean): Rotation {
    return {
      honoured,
      grace: this.config.grace,
      pendingFor: Math.min(this.limitsOf(unit.held?.record).idle, LONGEST_PENDING),
      presented: unit.presentsCurrent,
    };
  }

  draft(now: number, rest: Partial<SessionRecord>): SessionRecord {
    return {
      id: newId(),
      secretHash: '',
      revision: 0,
      factors: {},
      createdAt: now,
      lastSeenAt: now,
      rotatedAt: now,
      persistent: false,
      data: {},
      ...rest,
    };
  }

  /** Ends a session and tells of it, if it had not ended before. */
  async destroy(
    held: Held,
    reason: EndReason,
    word?: { epitaph: Epitaph; linger: number },
  ): Promise<SessionRecord | undefined> {
    const ended = await this.keeper.destroy(held, word);
    if (ended) this.ended(ended, reason);
    return ended;
  }

  ended({ id, subject }: EndedSession, reason: EndReason): void {
    const at = this.config.clock.now();
    const event: SessionEvent = { type: 'ended', id, at, reason, ...(subject !== undefined && { subject }) };
    this.events.emit(event);
    this.keeper.publish(event);
  }

  emit(unit: Unit, told: Told): void {
    if (!this.events.observed) return;
    const subject = unit.held?.record.subject;
    const event = { ...told, id: unit.id, at: unit.now(), ...(subject !== undefined && { subject }) };
    this.events.emit(event);
  }
}
