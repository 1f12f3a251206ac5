import type { KeyObject } from 'node:crypto';
import { FixedHmac } from '../token/hmac.js';
import { DIGEST_LENGTH, ID_LENGTH, newId, sameDigest } from '../token/ids.js';

/** What a challenge is for. None serves both. */
export type ChallengePurpose = 'register' | 'refresh';

/** A challenge that we made for this session, key and purpose. Whether it is too old or was answered is another question. */
export interface Challenge {
  /** Random 128 bit, in the form of an id. */
  readonly nonce: string;
  /** When it was made, in milliseconds since the epoch. */
  readonly at: number;
}

/** A time in milliseconds, in base 36: enough until the year 5188. */
const TIME_LENGTH = 9;

/** Where the tag stands in a bound cookie: behind the time and a separator. */
export const BOUND_TAG_AT = TIME_LENGTH + 1;

const BOUND = 'bound-----';
const PURPOSES: Readonly<Record<ChallengePurpose, string>> = {
  register: 'register--',
  refresh: 'refresh---',
};
const PURPOSE_LENGTH = BOUND.length;

/** A purpose, an id and a thumbprint, each with a separator behind it. */
const CONTEXT_LENGTH = PURPOSE_LENGTH + 1 + ID_LENGTH + 1 + DIGEST_LENGTH + 1;
const BOUND_LENGTH = CONTEXT_LENGTH + TIME_LENGTH;
const CHALLENGE_LENGTH = CONTEXT_LENGTH + ID_LENGTH + TIME_LENGTH;

/** In place of the thumbprint while there is no key yet. */
const NO_KEY = '-'.repeat(DIGEST_LENGTH);

interface Macs {
  bound: FixedHmac;
  challenge: FixedHmac;
}

/**
 * What a device is given, each a text with a MAC, so that nothing has to be stored to recognise it: the bound cookie, which
 * opens the session while it lasts, and the challenges that the device signs to get the next one. All of them name the
 * session and the key, and are worth nothing for any other.
 */
export class DeviceTokens {
  readonly #macs: readonly Macs[];

  /** @param keys the first signs, all of them verify */
  constructor(keys: readonly KeyObject[]) {
    this.#macs = keys.map((key) => {
      const bytes = key.export();
      return {
        bound: new FixedHmac(bytes, BOUND_LENGTH),
        challenge: new FixedHmac(bytes, CHALLENGE_LENGTH),
      };
    });
  }

  /** The value of a bound cookie. @param until milliseconds since the epoch */
  bound(id: string, thumbprint: string, until: number): string {
    const end = timeText(until);
    return `${end}.${tagOf(this.#macs[0]!.bound, `${contextOf(BOUND, id, thumbprint)}${end}`)}`;
  }

  /** Until when a bound cookie of this session and key is good, in milliseconds since the epoch; `undefined` for any other value. */
  boundUntil(value: string, id: string, thumbprint: string): number | undefined {
    if (value.length !== TIME_LENGTH + 1 + DIGEST_LENGTH || value[TIME_LENGTH] !== '.') return undefined;
    const end = value.slice(0, TIME_LENGTH);
    const text = `${contextOf(BOUND, id, thumbprint)}${end}`;
    const tag = value.slice(TIME_LENGTH + 1);
    return this.#macs.some(({ bound }) => isTagOf(bound, text, tag)) ? timeOf(end) : undefined;
  }

  /** @param thumbprint absent as long as the session has no key. @param now milliseconds since the epoch */
  challenge(purpose: ChallengePurpose, id: string, thumbprint: string | undefined, now: number): string {
    const body = `${newId()}${timeText(now)}`;
    const text = `${contextOf(PURPOSES[purpose], id, thumbprint ?? NO_KEY)}${body}`;
    return `${body}.${tagOf(this.#macs[0]!.challenge, text)}`;
  }

  /** `undefined` for a text that is not a challenge of ours, for this purpose, session and key. */
  readChallenge(
    challenge: string,
    purpose: ChallengePurpose,
    id: string,
    thumbprint: string | undefined,
  ): Challenge | undefined {
    const length = ID_LENGTH + TIME_LENGTH;
    if (challenge.length !== length + 1 + DIGEST_LENGTH || challenge[length] !== '.') return undefined;
    const body = challenge.slice(0, length);
    const text = `${contextOf(PURPOSES[purpose], id, thumbprint ?? NO_KEY)}${body}`;
    const tag = challenge.slice(length + 1);
    if (!this.#macs.some((macs) => isTagOf(macs.challenge, text, tag))) return undefined;
    return { nonce: body.slice(0, ID_LENGTH), at: timeOf(body.slice(ID_LENGTH)) };
  }
}

const contextOf = (purpose: string, id: string, thumbprint: string): string =>
  `${purpose}|${id}|${thumbprint}|`;

const timeText = (time: number): string => Math.floor(time).toString(36).padStart(TIME_LENGTH, '0');

const timeOf = (text: string): number => parseInt(text, 36);

/** In base64url, which needs no escaping wherever a challenge stands: in a header, in JSON. */
const tagOf = (hmac: FixedHmac, text: string): string =>
  (hmac.digest(text) ?? '').slice(0, DIGEST_LENGTH).replaceAll('+', '-').replaceAll('/', '_');

const isTagOf = (hmac: FixedHmac, text: string, tag: string): boolean => sameDigest(tagOf(hmac, text), tag);
