/** Spans of time in milliseconds, as the engines of the model have them. */
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const GRACE = 10 * SECOND;
export const ROLL_EVERY = MINUTE;
export const ROTATE_EVERY = 15 * MINUTE;
export const IDLE = 30 * MINUTE;
export const LIFETIME = 31 * 24 * 60 * MINUTE;

/** Browsers of the users, and one more that begins without a cookie: it steals one, or is a late third browser. */
export const CLIENTS = 4;

/** The users of a run. Most runs have but the first. */
export type User = 0 | 1;

/** mulberry32: small, fast, and the same everywhere. */
export class Prng {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds are to have nothing in common.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  }

  /** 0 or more, less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(all: readonly T[]): T {
    return all[this.int(all.length)]!;
  }
}

export type Kind =
  | 'read'
  | 'write'
  | 'update'
  | 'write+update'
  | 'login'
  | 'relogin'
  | 'regenerate'
  | 'logout'
  | '@Logout'
  | 'everywhere'
  | '@Logout everywhere'
  | 'clear'
  | 'revoke'
  | 'revokeAll'
  | 'others'
  | 'socket'
  | 'steal';

/** One request, or what somebody does beside. */
export interface Op {
  kind: Kind;
  client: number;
  node: 0 | 1;
  /** Who logs in, or whose sessions an administrator ends. */
  user: User;
  /** 0 for the cookie in the jar, 1 for the one before it, and so on: a tab or a script that kept a copy. */
  age: number;
  /** Lost: it never reaches the jar. Cancelled: and the server knows before it commits. */
  response: 'kept' | 'lost' | 'cancelled';
  /** The handler fails once it has done its work. */
  fails: boolean;
  passive: boolean;
  key: 'a' | 'b';
  /** Whether a login or regenerate keeps the data. */
  keep: boolean;
  /** Whose session a revoke is about, or whose cookie is stolen. */
  other: number;
  /** Milliseconds by which the clock moves as the request is sent. */
  advance: number;
  /** The handler takes its time, before it acts. */
  slow: boolean;
  /** How readily the scheduler lets it go on: the slow are overtaken by whole requests. */
  speed: number;
}

/** How sealed cookies are set up in a run. */
export interface SealedSettings {
  /** Whether each node reads the list before each verdict, or only when it is notified. */
  asks: boolean;
  /** Whether there is an index. */
  indexed: boolean;
  enforces: boolean;
}

/** All that a run depends on. */
export interface Scenario {
  seed: number;
  /** Milliseconds between the logins of the beginning and the first request. */
  rest: number;
  /** Requests at the same time, at most. */
  crowd: number;
  /** Who logs in with the second browser at the beginning: the same user, or another one. */
  second: User;
  sealed: SealedSettings;
  ops: Op[];
  tape: Tape;
}

/** The choices of the scheduler: numbers of 0 or more, less than 1. Zero is the dullest one. */
export class Tape {
  readonly values: number[];
  readonly #prng: Prng | undefined;
  #position = 0;

  /** @param prng gives more once the values are used up; without one zeros follow */
  constructor(values: readonly number[], prng?: Prng) {
    this.values = [...values];
    this.#prng = prng;
  }

  next(): number {
    if (this.#position === this.values.length && this.#prng) this.values.push(this.#prng.next());
    return this.values[this.#position++] ?? 0;
  }

  /** What was used, from the beginning, with nothing after it. */
  replay(): Tape {
    return new Tape(this.values);
  }
}

/** What a run is about. */
interface Profile {
  /** How often a kind of operation is drawn. */
  kinds: Partial<Record<Kind, number>>;
  /** How often a request comes with an older cookie. */
  late: number;
  /** Moves of the clock that come with a request: milliseconds, and how often. */
  advances: readonly (readonly [number, number])[];
  /** Whether a rotation is due at the beginning. */
  rotates: number;
  /** How often there are two users. */
  shared: number;
  /** How often there is but one browser, beside those that stole its cookie. */
  sole: number;
  /** Operations at least. */
  least: number;
  /** Requests at the same time, at most: one of these. */
  crowds: readonly number[];
}

const BRIEF = [
  [0, 12],
  [SECOND, 2],
  [ROLL_EVERY, 2],
  [ROTATE_EVERY, 1],
] as const;

const LONG = [
  [0, 5],
  [SECOND, 1],
  [GRACE, 2],
  [GRACE + SECOND, 4],
  [ROTATE_EVERY, 4],
  [IDLE - MINUTE, 1],
] as const;

const everything: Profile = {
  kinds: {
    read: 4,
    write: 4,
    update: 4,
    'write+update': 2,
    login: 3,
    relogin: 2,
    regenerate: 3,
    logout: 1,
    '@Logout': 1,
    everywhere: 1,
    '@Logout everywhere': 1,
    clear: 1,
    revoke: 1,
    revokeAll: 2,
    others: 1,
    socket: 2,
    steal: 2,
  },
  late: 0.15,
  advances: [...BRIEF, ...LONG],
  rotates: 0.5,
  shared: 0.4,
  sole: 0.3,
  least: 2,
  crowds: [1, 2, 4, 4],
};

const rotations: Profile = {
  kinds: {
    read: 10,
    write: 2,
    update: 1,
    relogin: 2,
    regenerate: 1,
    steal: 1,
    socket: 2,
    everywhere: 1,
    logout: 0.5,
  },
  late: 0.4,
  advances: LONG,
  rotates: 0.9,
  shared: 0.2,
  sole: 0.3,
  least: 4,
  crowds: [1, 1, 2, 4],
};

const updates: Profile = {
  kinds: { update: 8, 'write+update': 4, write: 2, read: 2, socket: 2, regenerate: 2, relogin: 1 },
  late: 0.1,
  advances: BRIEF,
  rotates: 0.5,
  shared: 0.2,
  sole: 0.3,
  least: 2,
  crowds: [2, 4, 4],
};

const endings: Profile = {
  kinds: {
    login: 6,
    revokeAll: 4,
    everywhere: 2,
    others: 2,
    regenerate: 4,
    logout: 2,
    revoke: 2,
    relogin: 1,
    clear: 1,
  },
  late: 0.2,
  advances: BRIEF,
  rotates: 0.2,
  shared: 0.4,
  sole: 0.3,
  least: 2,
  crowds: [1, 3, 4],
};

/** Logins that are under way while all sessions are revoked. */
const marks: Profile = {
  kinds: { login: 4, revokeAll: 3, everywhere: 1, others: 1, read: 1 },
  late: 0.1,
  advances: BRIEF,
  rotates: 0,
  shared: 0.2,
  sole: 0,
  least: 2,
  crowds: [3, 4],
};

/** Handles that outlive rotations. */
const handles: Profile = {
  kinds: { socket: 3, read: 4, update: 4, relogin: 0.3, regenerate: 0.3 },
  late: 0,
  advances: [
    [0, 3],
    [GRACE + SECOND, 3],
    [ROTATE_EVERY, 3],
  ],
  rotates: 1,
  shared: 0,
  sole: 0.9,
  least: 4,
  crowds: [2, 3],
};

/** Copies of cookies that turn up late. */
const thefts: Profile = {
  kinds: { read: 6, everywhere: 4, '@Logout everywhere': 1, logout: 1, login: 0.5, relogin: 1, steal: 1 },
  late: 0.5,
  advances: [
    [0, 3],
    [GRACE + SECOND, 4],
    [ROTATE_EVERY, 1],
  ],
  rotates: 1,
  shared: 0.2,
  sole: 0.7,
  least: 4,
  crowds: [1],
};

/** Rotations that are confirmed while others begin. */
const confirmations: Profile = {
  kinds: { read: 6, write: 1, relogin: 3, regenerate: 1 },
  late: 0.3,
  advances: [
    [0, 6],
    [GRACE + SECOND, 2],
    [ROTATE_EVERY, 2],
  ],
  rotates: 0.7,
  shared: 0,
  sole: 1,
  least: 4,
  crowds: [2, 3],
};

const PROFILES = {
  everything,
  rotations,
  updates,
  endings,
  marks,
  handles,
  thefts,
  confirmations,
} as const satisfies Record<string, Profile>;

/** What a run is about. */
export type Focus = keyof typeof PROFILES;

const FOCUSES = Object.keys(PROFILES) as Focus[];

/** @param focus by default one after the other */
export function scenario(seed: number, focus: Focus = FOCUSES[seed % FOCUSES.length]!): Scenario {
  const prng = new Prng(seed);
  const profile = PROFILES[focus];
  const count = profile.least + prng.int(5);
  const sole = prng.chance(profile.sole);
  const rest = prng.chance(profile.rotates) ? ROTATE_EVERY : 0;
  const crowd = prng.pick(profile.crowds);
  const second = prng.chance(profile.shared) ? 1 : 0;
  const ops = Array.from({ length: count }, () => operation(prng, profile, sole, second));
  const [asks, indexed, enforces] = [0, 1, 2].map(() => prng.chance(0.5)) as [boolean, boolean, boolean];
  return { seed, rest, crowd, second, sealed: { asks, indexed, enforces }, ops, tape: new Tape([], prng) };
}

function operation(prng: Prng, { kinds, late, advances }: Profile, sole: boolean, second: User): Op {
  return {
    kind: weighted(prng, Object.entries(kinds) as [Kind, number][]),
    client: sole ? 0 : weighted(prng, BY_CLIENT),
    node: prng.int(2) as 0 | 1,
    user: second && prng.chance(0.4) ? 1 : 0,
    age: prng.chance(late) ? 1 + prng.int(3) : 0,
    response: weighted(prng, BY_RESPONSE),
    fails: prng.chance(0.1),
    passive: prng.chance(0.1),
    key: prng.pick(['a', 'b']),
    keep: prng.chance(0.6),
    other: prng.int(2),
    advance: weighted(prng, advances),
    slow: prng.chance(0.4),
    speed: prng.pick([0.1, 1, 4]),
  };
}

const BY_CLIENT = [
  [0, 5],
  [1, 3],
  [2, 1],
  [3, 2],
] as const;

const BY_RESPONSE = [
  ['kept', 7],
  ['lost', 2],
  ['cancelled', 1],
] as const;

export function weighted<T>(prng: Prng, all: readonly (readonly [T, number])[]): T {
  return drawn(prng.next(), all);
}

/** @param value 0 or more, less than 1 */
export function drawn<T>(value: number, all: readonly (readonly [T, number])[]): T {
  let rest = value * all.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [one, weight] of all) {
    rest -= weight;
    if (rest < 0) return one;
  }
  return all[all.length - 1]![0];
}

export function tell(op: Op): string {
  const { kind, client, node, user, age, response, fails, passive, key, keep, other, advance, slow, speed } =
    op;
  const parts = [
    kind,
    `client ${client}`,
    `node ${node}`,
    user > 0 && (kind === 'login' || kind === 'revokeAll') && 'of the second user',
    age > 0 && `with a cookie ${age} older`,
    response !== 'kept' && `response ${response}`,
    fails && 'handler fails',
    passive && 'passive',
    kind.startsWith('write') && `key ${key}`,
    (kind === 'login' || kind === 'regenerate') && (keep ? 'keeps data' : 'keeps no data'),
    (kind === 'revoke' || kind === 'steal') && `of client ${other}`,
    advance > 0 && `${advance} ms later`,
    slow && 'slow',
    speed !== 1 && `speed ${speed}`,
  ];
  return parts.filter(Boolean).join(', ');
}
