import { LRUCache } from 'lru-cache';
import { DEVICE_KEY, type SessionRecord } from '../model/record.js';
import { sameDigest } from '../token/ids.js';
import { atMost } from '../util/lru.js';
import { deviceKeyOf } from './device-key.js';
import { BOUND_TAG_AT, type DeviceTokens } from './device-tokens.js';

/** Sessions whose bound cookie is recognised without computing its MAC again: about 4 MB. */
const CACHED = 10_000;

interface Known {
  /** The parts of the value: when it ends, with the separator, and the MAC. */
  readonly time: string;
  readonly tag: string;
  /** The text of the key in the record when it was verified. */
  readonly key: string;
  readonly until: number;
}

/**
 * Verifies bound cookies. A browser sends the same one for minutes, so the last genuine one of each session is cached. The key of the
 * cache is the id, which is no secret, and the tags are compared in constant time.
 */
export class BoundCookies {
  readonly #tokens: DeviceTokens;
  readonly #known = new LRUCache<string, Known>(atMost(CACHED));

  constructor(tokens: DeviceTokens) {
    this.#tokens = tokens;
  }

  /** Until when a bound cookie of this session and its key is good, in milliseconds since the epoch; `undefined` for any other value. */
  boundUntil(value: string, { id, extra }: SessionRecord): number | undefined {
    const key = extra?.[DEVICE_KEY];
    if (key === undefined) return undefined;
    const tag = value.slice(BOUND_TAG_AT);
    const known = this.#known.peek(id);
    if (known?.key === key && value.startsWith(known.time) && sameDigest(known.tag, tag)) return known.until;
    const until = this.#tokens.boundUntil(value, id, deviceKeyOf({ extra })!.thumbprint);
    if (until === undefined) return undefined;
    // Copies, because a part of a string keeps the whole of it: here the header.
    const [time, copy] = [value.slice(0, BOUND_TAG_AT), tag].map((text) => Buffer.from(text).toString());
    this.#known.set(id, { time: time!, tag: copy!, key, until });
    return until;
  }
}
