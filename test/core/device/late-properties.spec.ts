import fc from 'fast-check';
import { MemoryStore } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { DEVICE_KEY, type SessionRecord } from '../../../lib/core/model/record.js';
import type { BackendContext, SessionBackend, SessionHandle } from '../../../lib/core/storage/backend.js';
import { StoreBackend } from '../../../lib/core/storage/store-backend.js';
import { newId, TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { Faults, faultyList, faultyStore, type FaultKind } from '../../nest/device/interleavings.faults.js';
import { SECRET } from '../../support/platforms.js';

/** More of them with DEVICE_RUNS. */
const runs = { numRuns: Number(process.env['DEVICE_RUNS'] ?? 700) };

const GRACE = 10_000;
const IDLE = 7_200_000;

const contextWith = (clock: FakeClock): BackendContext => ({
  clock,
  clockInjected: true,
  timeout: 1_000,
  warn: () => undefined,
  secrets: [SECRET],
  signer: new Signer([SECRET], 'sid', TOKEN_LENGTH),
  cookieName: 'sid',
  limitsOf: () => ({ idle: IDLE, lifetime: 10 * IDLE }),
  countsSessions: false,
});

const BACKENDS: [string, (faults: Faults, context: BackendContext) => SessionBackend][] = [
  ['a store', (faults, context) => new StoreBackend(faultyStore(new MemoryStore(), faults), context)],
  ...[false, true].map(
    (enforceRotation): [string, (faults: Faults, context: BackendContext) => SessionBackend] => [
      `sealed cookies, with enforceRotation: ${enforceRotation}`,
      (faults, context) =>
        new SealedCookie({
          revocations: faultyList(new MemoryRevocations(), faults),
          enforceRotation,
        }).createBackend(context),
    ],
  ),
];

interface Op {
  do: 'bind' | 'answer' | 'rotate' | 'relogin' | 'end' | 'settle';
  fault: FaultKind | 'none';
  times: number;
  at: number;
}

const op: fc.Arbitrary<Op> = fc.record({
  do: fc.constantFrom('bind', 'bind', 'bind', 'answer', 'answer', 'rotate', 'relogin', 'end', 'settle'),
  fault: fc.constantFrom('none', 'before', 'after', 'late', 'late'),
  times: fc.integer({ min: 1, max: 3 }),
  at: fc.integer({ min: 1, max: 6 }),
});

/** One thing after the other, or two at once. */
const story = fc.array(
  fc.array(op, { minLength: 1, maxLength: 2 }).map((ops) => ops),
  { minLength: 2, maxLength: 12 },
);

/** As often as a registration is repeated here. More than a fault lasts, or fewer. */
const ATTEMPTS = 3;

class World {
  readonly #faults = new Faults();
  readonly #clock = new FakeClock();
  readonly #backend: SessionBackend;
  readonly #bound = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #answered: number[] = [];
  #latest!: string;
  #over = false;
  #keys = 0;

  constructor(make: (typeof BACKENDS)[number][1]) {
    this.#backend = make(this.#faults, contextWith(this.#clock));
  }

  async run(steps: readonly (readonly Op[])[]): Promise<void> {
    await this.#login();
    for (const ops of steps) {
      const handle = await this.#open();
      await Promise.all(ops.map((one) => this.#do(one, handle)));
      await this.#look();
    }
    await this.#faults.clear();
    await this.#look();
    await this.#backend.close();
  }

  async #login(): Promise<void> {
    const now = this.#clock.now();
    const times = { createdAt: now, startedAt: now, lastSeenAt: now, rotatedAt: now };
    const rest = {
      secretHash: '',
      revision: 0,
      remember: false,
      factors: { pwd: now },
      data: {},
      device: {},
    };
    const draft: SessionRecord = { id: newId(), subject: 'alice', ...times, ...rest };
    this.#latest = (await this.#backend.create(draft, IDLE, {})).handle.token!;
  }

  async #open(): Promise<SessionHandle | undefined> {
    const found = await this.#backend.open(this.#latest, {});
    return found.kind === 'live' ? found.handle : undefined;
  }

  async #do({ do: what, fault, times, at }: Op, handle: SessionHandle | undefined): Promise<void> {
    if (!handle) return;
    if (what === 'settle') return this.#faults.settle();
    if (fault !== 'none') this.#faults.plan(fault, times);
    if (what === 'bind') return this.#bind(handle);
    if (what === 'answer') return this.#answer(handle, at);
    if (what === 'end') {
      await this.#backend.destroy(handle);
      this.#over = true;
      return;
    }
    const terms = { grace: GRACE, honoured: what === 'rotate', pendingFor: IDLE, presented: true };
    const saved = await this.#backend.save(handle, { rotate: terms, head: {} }, this.#clock.now(), IDLE);
    if (saved.outcome === 'saved') this.#latest = saved.handle.token!;
  }

  async #bind(handle: SessionHandle): Promise<void> {
    if (handle.record.extra?.[DEVICE_KEY] !== undefined) return;
    const key = `"key ${++this.#keys}"`;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        const saved = await this.#backend.bound!.bind(handle, key, this.#clock.now(), GRACE);
        if (saved.outcome !== 'saved') return void this.#refused.add(key);
        this.#bound.add(key);
        this.#latest = saved.handle.token ?? this.#latest;
        return;
      } catch {
        // Again, as a registration is.
      }
    }
  }

  async #answer(handle: SessionHandle, at: number): Promise<void> {
    const challenge = { at, until: this.#clock.now() + IDLE };
    const saved = await this.#backend
      .bound!.answer(handle, challenge, this.#clock.now())
      .catch(() => undefined);
    if (saved?.outcome !== 'saved') return;
    expect(this.#answered.filter((one) => one === at)).toEqual([]);
    this.#answered.push(at);
  }

  async #look(): Promise<void> {
    expect(this.#bound.size).toBeLessThanOrEqual(1);
    const handle = await this.#open();
    if (this.#over) return expect(handle).toBeUndefined();
    const key = handle?.record.extra?.[DEVICE_KEY];
    // What the browser was told is so, and stays so.
    for (const bound of this.#bound) if (handle) expect(key).toBe(bound);
    for (const refused of this.#refused) expect(key).not.toBe(refused);
    const answered = handle ? this.#backend.bound!.answeredAt(handle.record) : 0;
    if (handle) for (const at of this.#answered) expect(answered).toBeGreaterThanOrEqual(at);
  }
}

describe.each(BACKENDS)('the keys of devices in %s', (_, make) => {
  it('whatever calls fail, before or after they take effect, or take effect late: a browser has the key that it was told', async () => {
    await fc.assert(
      fc.asyncProperty(story, (steps) => new World(make).run(steps)),
      runs,
    );
  }, 60_000);
});
