import { DEVICE_KEY, type SessionRecord } from '../model/record.js';
import { cookieValues, expireCookie, setCookie, type ResolvedCookie } from '../token/cookie.js';
import { BoundCookies } from './bound-cookies.js';
import { deviceKeyOf, type DeviceAlgorithm, type DeviceKey } from './device-key.js';
import type { Challenge, ChallengePurpose, DeviceTokens } from './device-tokens.js';

/** Why a request has no access to a session that is bound to a device. */
export type UnprovedReason =
  /** It has no bound cookie. */
  | 'no-cookie'
  /** That of its bound cookie is over. */
  | 'expired-cookie'
  /** Its bound cookie is not one of this session and key. */
  | 'wrong-cookie'
  /** The session is not bound, and the option `deviceBound.require` asks for it. */
  | 'unbound';

/** How the session of a request and the device of its client stand to each other. */
export type DeviceStanding =
  /** The session is not bound, and need not be. */
  | { readonly kind: 'unbound' }
  /** The client proved a moment ago that it holds the key, which counts until a time in milliseconds since the epoch. */
  | { readonly kind: 'proved'; readonly until: number }
  /** The session was bound a moment ago, so the request may have left the browser before that. */
  | { readonly kind: 'racing' }
  | { readonly kind: 'refused'; readonly reason: UnprovedReason };

export interface DeviceTerms {
  tokens: DeviceTokens;
  /** The bound cookie. */
  cookie: ResolvedCookie;
  /** How long a bound cookie lasts, in milliseconds. */
  lifetime: number;
  /** How long requests without it pass after the session was bound, in milliseconds. */
  grace: number;
  /** Whether every session has to be bound. */
  required: boolean;
  algorithms: readonly DeviceAlgorithm[];
}

/**
 * A bound cookie is good for so many milliseconds longer than its browser keeps it: the browser counts from when it received
 * the cookie, and a request is on its way for some time.
 */
const IN_TRANSIT = 30_000;

/** How long a challenge to register may be answered, in milliseconds. A browser does it at once. */
const REGISTRATION = 5 * 60_000;

const UNBOUND: DeviceStanding = { kind: 'unbound' };
const RACING: DeviceStanding = { kind: 'racing' };

/** The option `deviceBound` as the engine applies it: who has access, and what devices are given. */
export class DevicePolicy {
  readonly #terms: DeviceTerms;
  readonly #boundCookies: BoundCookies;

  constructor(terms: DeviceTerms) {
    this.#terms = terms;
    this.#boundCookies = new BoundCookies(terms.tokens);
  }

  get algorithms(): readonly DeviceAlgorithm[] {
    return this.#terms.algorithms;
  }

  /** Whether every session has to be bound. */
  get required(): boolean {
    return this.#terms.required;
  }

  get cookie(): ResolvedCookie {
    return this.#terms.cookie;
  }

  /** @param now milliseconds since the epoch, by the deciding clock */
  standingOf(record: SessionRecord, cookieHeader: string | undefined, now: number): DeviceStanding {
    return record.extra?.[DEVICE_KEY] === undefined
      ? this.standingOfUnbound(record, now)
      : this.#standingOfBound(record, cookieHeader, now);
  }

  #standingOfBound(record: SessionRecord, cookieHeader: string | undefined, now: number): DeviceStanding {
    const { cookie } = this.#terms;
    // All of them, so that injected cookies of the same name cannot hide ours: the size of the header bounds their number.
    const values = cookieValues(cookieHeader, cookie.name);
    let reason: UnprovedReason = values.length === 0 ? 'no-cookie' : 'wrong-cookie';
    for (const value of values) {
      const until = this.#boundCookies.boundUntil(value, record);
      if (until === undefined) continue;
      if (now < until) return { kind: 'proved', until };
      reason = 'expired-cookie';
    }
    const { boundAt } = deviceKeyOf(record)!;
    return now < this.#graceUntil(boundAt, now) ? RACING : { kind: 'refused', reason };
  }

  /**
   * Of a session without a key.
   *
   * @param now milliseconds since the epoch, by the deciding clock
   */
  standingOfUnbound(record: SessionRecord, now: number): DeviceStanding {
    return now < this.#unboundUntil(record, now) ? UNBOUND : { kind: 'refused', reason: 'unbound' };
  }

  /**
   * Until when something that stays open may go on, such as a socket: a client that has the key comes again with its next
   * bound cookie. In milliseconds since the epoch.
   *
   * @param record as it is now
   * @param provedUntil of the bound cookie with which it was opened
   * @param now milliseconds since the epoch, by the deciding clock
   */
  accessUntil(record: SessionRecord, provedUntil: number | undefined, now: number): number {
    const key = deviceKeyOf(record);
    if (!key) return this.#unboundUntil(record, now);
    return Math.max(this.#graceUntil(key.boundAt, now), provedUntil ?? -Infinity);
  }

  /** A browser registers its key a moment after the login, whenever and wherever its user authenticated. */
  #unboundUntil({ subject, startedAt }: SessionRecord, now: number): number {
    return this.#terms.required && subject !== undefined ? this.#graceUntil(startedAt, now) : Infinity;
  }

  /** None if it is of a time that is far off, as of a node whose clock is ahead. */
  #graceUntil(at: number, now: number): number {
    const { grace } = this.#terms;
    return isLately(at, now, grace) ? at + grace : -Infinity;
  }

  /** The Set-Cookie header of a new bound cookie. */
  setCookie(id: string, { thumbprint }: DeviceKey, now: number): string {
    const { tokens, cookie, lifetime } = this.#terms;
    return setCookie(cookie, tokens.bound(id, thumbprint, now + lifetime + IN_TRANSIT), lifetime);
  }

  /** The Set-Cookie header that takes the bound cookie away. */
  expireCookie(): string {
    return expireCookie(this.#terms.cookie);
  }

  /** Whether a Cookie header has a bound cookie, of whatever session. */
  hasCookie(cookieHeader: string | undefined): boolean {
    return cookieValues(cookieHeader, this.#terms.cookie.name).length > 0;
  }

  /** A challenge to register, for a session without a key, or to refresh. @param at its time, in milliseconds since the epoch */
  challenge({ id }: SessionRecord, key: DeviceKey | undefined, at: number): string {
    return this.#terms.tokens.challenge(purposeFor(key), id, key?.thumbprint, at);
  }

  /** `undefined` for what is not a challenge of ours, for this session and key, or is too old. */
  acceptable(text: string, id: string, key: DeviceKey | undefined, now: number): Challenge | undefined {
    const challenge = this.#terms.tokens.readChallenge(text, purposeFor(key), id, key?.thumbprint);
    return challenge && now < challenge.at + this.lifetimeOfChallenge(key) ? challenge : undefined;
  }

  /**
   * In milliseconds. A challenge to refresh is sent ahead with the cookie that it is to replace, so it outlasts that one by
   * far.
   */
  lifetimeOfChallenge(key: DeviceKey | undefined): number {
    return key ? 2 * this.#terms.lifetime + REGISTRATION : REGISTRATION;
  }
}

/** In both directions, since clocks differ: a node whose clock is far ahead must not leave a session open until then. */
const isLately = (at: number, now: number, grace: number): boolean => Math.abs(now - at) < grace;

const purposeFor = (key: DeviceKey | undefined): ChallengePurpose => (key ? 'refresh' : 'register');
