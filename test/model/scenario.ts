/** Spans of time in milliseconds, as the engines of the model have them. */
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const GRACE = 10 * SECOND;
export const ROLL_EVERY = MINUTE;
export const ROTATE_EVERY = 15 * MINUTE;
export const IDLE = 30 * MINUTE;
export const LIFETIME = 31 * 24 * 60 * MINUTE;

/** Browsers of one user, and one more that begins without a cookie: it steals one, or is a late third browser. */
export const CLIENTS = 4;

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
}

/** All that a run depends on. */
export interface Scenario {
  seed: number;
  /** Milliseconds between the logins of the beginning and the first request. */
  rest: number;
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

/** How often a kind of operation is drawn. */
type Weights = Partial<Record<Kind, number>>;

const MIXED: Weights = {
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
};

const PROFILES: readonly Weights[] = [
  MIXED,
  { read: 10, write: 2, update: 2, relogin: 2, regenerate: 1, steal: 2, socket: 1, logout: 1 },
  { update: 8, 'write+update': 4, write: 2, socket: 2, regenerate: 1, relogin: 1 },
  {
    login: 5,
    revokeAll: 3,
    everywhere: 2,
    others: 2,
    regenerate: 4,
    logout: 2,
    revoke: 2,
    relogin: 1,
    clear: 1,
  },
];

/** Moves of the clock that come with a request, and how often. */
const ADVANCES: readonly (readonly [number, number])[] = [
  [0, 10],
  [SECOND, 2],
  [GRACE, 2],
  [GRACE + SECOND, 2],
  [ROLL_EVERY, 2],
  [ROTATE_EVERY, 4],
  [IDLE - MINUTE, 1],
];

export function scenario(seed: number): Scenario {
  const prng = new Prng(seed);
  const weights = prng.pick(PROFILES);
  const count = 2 + prng.int(7);
  const sole = prng.chance(0.3);
  const ops = Array.from({ length: count }, () => operation(prng, weights, sole));
  return { seed, rest: prng.chance(0.5) ? ROTATE_EVERY : 0, ops, tape: new Tape([], prng) };
}

function operation(prng: Prng, weights: Weights, sole: boolean): Op {
  return {
    kind: weighted(prng, Object.entries(weights) as [Kind, number][]),
    client: sole
      ? 0
      : weighted(prng, [
          [0, 5],
          [1, 3],
          [2, 1],
          [3, 2],
        ]),
    node: prng.int(2) as 0 | 1,
    age: prng.chance(0.15) ? 1 + prng.int(3) : 0,
    response: weighted(prng, [
      ['kept', 7],
      ['lost', 2],
      ['cancelled', 1],
    ]),
    fails: prng.chance(0.1),
    passive: prng.chance(0.1),
    key: prng.pick(['a', 'b']),
    keep: prng.chance(0.6),
    other: prng.int(2),
    advance: weighted(prng, ADVANCES),
    slow: prng.chance(0.4),
  };
}

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
  const { kind, client, node, age, response, fails, passive, key, keep, other, advance, slow } = op;
  const parts = [
    kind,
    `client ${client}`,
    `node ${node}`,
    age > 0 && `with a cookie ${age} older`,
    response !== 'kept' && `response ${response}`,
    fails && 'handler fails',
    passive && 'passive',
    kind.startsWith('write') && `key ${key}`,
    (kind === 'login' || kind === 'regenerate') && (keep ? 'keeps data' : 'keeps no data'),
    (kind === 'revoke' || kind === 'steal') && `of client ${other}`,
    advance > 0 && `${advance} ms later`,
    slow && 'slow',
  ];
  return parts.filter(Boolean).join(', ');
}
