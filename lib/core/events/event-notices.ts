import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '../util/clock.js';
import { Complaint } from '../util/complaint.js';
import type { EndReason, SessionEvent } from './events.js';
import { signNotice, verifyNotice } from './notice-mac.js';
import type { StoreContext } from '../storage/store.js';

/** How old a notice may be, and how far the clocks of two nodes may be apart, in milliseconds. */
const WINDOW = 5 * 60_000;

/** Maximum number of notices that are cached to detect replays within the window. */
const REMEMBERED = 20_000;

/** Characters of the longest notice that is looked at. */
const LONGEST = 8_192;

/** Characters of a MAC: 32 octets in base64url. */
const MAC_LENGTH = 43;

/**
 * Encodes session events for the other nodes, for stores with a channel. Any client of the channel can publish, so each
 * notice carries a MAC with a key derived from the application's secret. A notice without a valid MAC, or one that is
 * received twice, is dropped. Events are informational: the store alone decides whether a session exists.
 *
 * A notice is a MAC and a line of JSON: the node that sent it, the time by the application's clock, and the event. It
 * is valid for five minutes, so the clocks of the nodes may differ by at most that.
 */
export class EventNotices {
  readonly #channel: string;
  /** Lets a node ignore its own notices. */
  readonly #node = randomUUID();
  readonly #seen = new Map<string, number>();
  /** What was sent before or at this time, in milliseconds since the epoch, may have been forgotten. */
  #floor = -Infinity;
  #keys: StoreContext['noticeKeys'] = [];
  #clock: Clock = systemClock;
  #warn: (message: string) => void = () => undefined;
  #dropped = 0;
  readonly #forged = new Complaint(
    (message) => this.#warn(message),
    (count) =>
      `Messages about sessions that no node with our secret sent were dropped: ${count}. Somebody else publishes on "${this.#channel}", a node runs an older version of this library, or the nodes have different secrets or clocks.`,
  );

  /** @param channel part of what is signed, so that a notice of one application is none of another */
  constructor(channel: string) {
    this.#channel = channel;
  }

  bind({ noticeKeys = [], clock, warn }: StoreContext): void {
    this.#keys = noticeKeys;
    this.#clock = clock;
    this.#warn = warn;
  }

  /** False without keys: then no notice is published or accepted. */
  get possible(): boolean {
    return this.#keys!.length > 0;
  }

  /** How many messages were dropped that were not of ours, too old, or came again. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The notice of an event; `undefined` without a key. */
  write(event: SessionEvent): string | undefined {
    const [key] = this.#keys!;
    if (!key) return undefined;
    const text = JSON.stringify({ node: this.#node, sent: this.#clock.now(), event });
    return signNotice(this.#scoped(text), key) + text;
  }

  /** A message that every node takes for genuine, and for an event that it does not know. Not without keys. */
  writeProbe(): string {
    return this.write({ type: 'probe', id: randomUUID() } as never)!;
  }

  /** The event of another node's notice, once; `undefined` for anything else. */
  read(notice: string): SessionEvent | undefined {
    const signature = notice.slice(0, MAC_LENGTH);
    const text = notice.slice(MAC_LENGTH);
    const genuine = notice.length <= LONGEST && verifyNotice(this.#scoped(text), signature, this.#keys!);
    if (!genuine) return this.#drop();
    const { node, sent, event } = objectOf(text);
    if (node === this.#node) return undefined;
    // Base64url says the same in several ways, so it is the text that is remembered by its signature anew.
    return this.#isFirst(signNotice(text, this.#keys![0]!), sent) ? eventOf(event) : this.#drop();
  }

  #isFirst(mark: string, sent: unknown): boolean {
    const now = this.#clock.now();
    if (typeof sent !== 'number' || !(Math.abs(now - sent) <= WINDOW)) return false;
    if (sent <= this.#floor || this.#seen.has(mark)) return false;
    this.#seen.set(mark, sent);
    for (const [old, at] of this.#seen) {
      if (at >= now - WINDOW && this.#seen.size <= REMEMBERED) break;
      this.#seen.delete(old);
      if (at >= now - WINDOW) this.#floor = Math.max(this.#floor, at);
    }
    return true;
  }

  #drop(): undefined {
    this.#dropped++;
    this.#forged.note();
  }

  #scoped(text: string): string {
    return `${this.#channel}\n${text}`;
  }
}

type Fields = Record<string, unknown>;
type Check = (value: unknown) => boolean;

const text =
  (most: number): Check =>
  (value) =>
    typeof value === 'string' && value.length > 0 && value.length <= most;
const oneOf =
  (values: object): Check =>
  (value) =>
    typeof value === 'string' && Object.hasOwn(values, value);
const finite: Check = (value) => Number.isFinite(value);
const flag: Check = (value) => typeof value === 'boolean';
const keys: Check = (value) => Array.isArray(value) && value.length <= 1_000 && value.every(text(1_000));

const REASONS: Record<EndReason, true> = {
  logout: true,
  cleared: true,
  replaced: true,
  revoked: true,
  evicted: true,
  idle: true,
  lifetime: true,
  reused: true,
  protection: true,
  corrupt: true,
};

/** What is no matter of the other nodes. */
type Local = 'store-failed' | 'store-recovered';

/** What each type of event has beside what all have. */
const FIELDS: Record<Exclude<SessionEvent['type'], Local>, Record<string, Check>> = {
  created: {},
  login: { factor: text(255), remember: flag },
  relogin: { factor: text(255) },
  rolled: {},
  rotated: {},
  regenerated: {},
  migrated: { source: text(255) },
  ended: { reason: oneOf(REASONS) },
  reused: {},
  bound: { algorithm: text(16) },
  refreshed: {},
  refused: { reason: text(32) },
  skipped: { reason: text(32) },
  suspicious: { verdict: oneOf({ relogin: true, end: true }) },
  tampered: {},
  guessing: { ip: text(64), count: finite },
  'data-dropped': { keys },
};

/** Empty where no session was recognised. */
const ID = /^[\w-]{0,64}$/;

/** Every field is checked, and what is not known is left out. */
function eventOf(value: unknown): SessionEvent | undefined {
  if (!isObject(value)) return undefined;
  const { type, id, subject, at } = value;
  if (!oneOf(FIELDS)(type) || typeof id !== 'string' || !ID.test(id) || !finite(at)) return undefined;
  if (subject !== undefined && !text(255)(subject)) return undefined;
  const fields = Object.entries(FIELDS[type as keyof typeof FIELDS]);
  if (!fields.every(([name, fits]) => Object.hasOwn(value, name) && fits(value[name]))) return undefined;
  const rest = Object.fromEntries(fields.map(([name]) => [name, value[name]]));
  return { type, id, at, ...(subject !== undefined && { subject }), ...rest } as SessionEvent;
}

function objectOf(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
