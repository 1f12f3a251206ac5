import type { SessionEngine } from '../../lib/core/engine.js';
import { isSessionError } from '../../lib/core/util/errors.js';
import type { Awaitable } from '../../lib/core/storage/store.js';
import type { RequestState } from '../../lib/core/request/request-state.js';
import type { Actor, Oracle, Token, Violation } from './oracle.js';
import {
  CLIENTS,
  drawn,
  GRACE,
  IDLE,
  MINUTE,
  ROLL_EVERY,
  ROTATE_EVERY,
  SECOND,
  tell,
  type Op,
  type Scenario,
} from './scenario.js';
import { COOKIE, type World } from './world.js';

/** Store calls that fail in a run, and moves of the clock between two steps, at most. */
const FAULTS = 2;
const MOVES = 5;

/** Steps after which a run counts as stuck. */
const PATIENCE = 2_000;

/** A call of the store, or a pause, that waits for the scheduler. */
interface Waiting {
  actor: Actor | undefined;
  what: string;
  /** Before its effect, before its answer, or with its effect to come after the caller was told that it failed. */
  phase: 'before' | 'after' | 'late' | 'pause';
  /** The node, if a failure is one for all of its requests. */
  node: number | undefined;
  effect: () => Awaitable<unknown>;
  answer: (() => void) | undefined;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

interface Response {
  actor: Actor;
  client: Browser;
  /** `undefined` for a cookie that is taken away. */
  token: Token | undefined;
}

/** A jar with one cookie, and copies of what was in it before. */
class Browser {
  token: Token | undefined;
  readonly history: Token[] = [];

  constructor(readonly name: string) {}

  keep(token: Token | undefined): void {
    this.token = token;
    if (token && this.history.at(-1)?.value !== token.value) this.history.push(token);
  }

  presented(age: number): Token | undefined {
    return age === 0 ? this.token : this.history[Math.max(0, this.history.length - 1 - age)];
  }
}

class Failure extends Error {}
class Denied extends Error {}

interface Choice {
  weight: number;
  act: (value: number) => Awaitable<void>;
}

/** One interleaving. */
export class Run {
  readonly oracle: Oracle;
  /** The ids of the sessions as they were made, which differ from run to run. */
  readonly order: string[] = [];
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #subjects: readonly [string, string];
  readonly #clients = Array.from({ length: CLIENTS }, (_, i) => new Browser(`client ${i}`));
  readonly #tokens: Token[] = [];
  readonly #trace: string[] | undefined;
  readonly #waiting: Waiting[] = [];
  readonly #responses: Response[] = [];
  readonly #serving = new Set<Actor>();
  #next = 0;
  #active = 0;
  #revoking = 0;
  #gated = false;
  #aborted = false;
  #faults = 0;
  #moves = 0;
  #texts = 0;
  #actors = 0;

  constructor(world: World, one: Scenario, trace?: string[]) {
    this.#world = world;
    this.#scenario = one;
    this.#trace = trace;
    this.#subjects = [world.nextUser(), world.nextUser()];
    this.oracle = world.oracle();
  }

  async execute(): Promise<Violation | undefined> {
    this.#world.run = this;
    try {
      // Moments of the same millisecond are told apart by fractions, of which the runs before may have taken many.
      this.#world.clock.advance(SECOND);
      await this.#world.begin(this.#scenario);
      await this.#begin();
      await this.#schedule();
      if (!this.oracle.violation) await this.#settle();
    } finally {
      await this.#tidy();
      this.#world.run = undefined;
    }
    return this.oracle.violation;
  }

  // What the nodes ask for.

  /**
   * @param actor `undefined` for what a node does by itself
   * @param node if given, all requests of the node may wait for this call
   */
  call<T>(actor: Actor | undefined, what: string, effect: () => Awaitable<T>, node?: number): Promise<T> {
    if (this.#aborted) return Promise.reject(new Error('the run is over'));
    if (!this.#gated) return (async () => effect())();
    return this.#wait(actor, what, 'before', effect, node) as Promise<T>;
  }

  pause(): Promise<void> {
    if (!this.#gated) return Promise.resolve();
    return this.#wait(this.#world.actors.getStore(), 'a pause', 'pause', () => undefined) as Promise<void>;
  }

  /** Something reaches a node by itself. */
  notice(what: string): Promise<void> {
    if (!this.#gated) return Promise.resolve();
    return this.#wait(undefined, what, 'pause', () => undefined) as Promise<void>;
  }

  #wait(
    actor: Actor | undefined,
    what: string,
    phase: Waiting['phase'],
    effect: Waiting['effect'],
    node?: number,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ actor, what, phase, node, effect, answer: undefined, resolve, reject });
    });
  }

  // The scheduler.

  async #begin(): Promise<void> {
    for (const client of [0, 1]) {
      const user = client === 1 ? this.#scenario.second : 0;
      await this.#serve({ ...QUIET, kind: 'login', client, user });
      this.#deliverAll();
    }
    await this.#serve({ ...QUIET, kind: 'write+update', key: 'a' });
    this.#deliverAll();
    if (this.#scenario.rest > 0) this.#world.clock.advance(this.#scenario.rest);
    this.oracle.step++;
    this.#gated = true;
  }

  async #schedule(): Promise<void> {
    const { tape } = this.#scenario;
    await drained();
    for (let steps = 0; !this.oracle.violation; steps++) {
      const choices = this.#choices();
      if (choices.length === 0) {
        if (this.#active > 0) this.oracle.fail('answers', 'requests wait for each other');
        return;
      }
      if (steps === PATIENCE) return this.oracle.fail('answers', `no end after ${PATIENCE} steps`);
      this.oracle.step++;
      const choice = drawn(
        tape.next(),
        choices.map((one) => [one, one.weight] as const),
      );
      await choice.act(tape.next());
      await drained();
    }
  }

  /** The dullest first. */
  #choices(): Choice[] {
    const { ops, crowd } = this.#scenario;
    const choices: Choice[] = this.#waiting.map((one) => ({
      weight: this.#readiness(one),
      act: (value) => this.#goOn(one, value),
    }));
    for (const response of this.#responses) choices.push({ weight: 1.5, act: () => this.#deliver(response) });
    if (this.#next < ops.length && this.#active < crowd)
      choices.push({ weight: 0.8, act: () => this.#send(ops[this.#next++]!) });
    if (choices.length > 0 && this.#moves < MOVES)
      choices.push({ weight: 0.15, act: (value) => this.#moveClock(value) });
    return choices;
  }

  /** Above all, a session is not to be stored before those who revoke have looked for it. */
  #readiness({ phase, what, actor }: Waiting): number {
    if (phase === 'late') return 0.3;
    const waits = what.endsWith('create') && phase === 'before' && this.#revoking > 0;
    return (actor?.op.speed ?? 1) * (waits ? 0.1 : 1);
  }

  async #goOn(one: Waiting, value: number): Promise<void> {
    const { phase, actor, what, node } = one;
    const fault = phase === 'pause' || phase === 'late' ? undefined : this.#fault(phase, value);
    const stays = (phase === 'before' && fault === undefined) || fault === 'late';
    if (!stays) this.#waiting.splice(this.#waiting.indexOf(one), 1);
    if (fault) {
      this.#faults++;
      for (const failed of this.#serving)
        if (failed === actor || failed.op.node === node) failed.faults += fault === 'late' ? 2 : 1;
      this.#tell(actor, `${what} fails ${FAULT_TOLD[fault]}`);
      this.oracle.failed();
      if (fault === 'late') one.phase = 'late';
      return one.reject(new Error('the store failed'));
    }
    this.#tell(actor, `${what} ${PHASE_TOLD[phase]}`);
    if (phase === 'after') return one.answer!();
    if (phase === 'pause') return one.resolve(undefined);
    await this.#carryOut(one);
  }

  async #carryOut(one: Waiting): Promise<void> {
    const late = one.phase === 'late';
    one.phase = 'after';
    try {
      const value = await one.effect();
      one.answer = () => one.resolve(value);
    } catch (error) {
      one.answer = () => one.reject(error as Error);
      if (late) return;
      this.#tell(one.actor, `${one.what} throws ${String(error)}`);
    }
  }

  #fault(phase: 'before' | 'after', value: number): 'before' | 'after' | 'late' | undefined {
    if (this.#faults >= FAULTS || value < 0.94) return undefined;
    if (phase === 'after') return value < 0.98 ? 'after' : undefined;
    return value < 0.98 ? 'before' : 'late';
  }

  #moveClock(value: number): void {
    this.#moves++;
    const by = drawn(value, MOVE_BY);
    this.#world.clock.advance(by);
    this.#tell(undefined, `${by} ms pass`);
  }

  #deliver(response: Response): void {
    const { client, token, actor } = response;
    this.#responses.splice(this.#responses.indexOf(response), 1);
    client.keep(token);
    this.#tell(actor, `the response reaches ${client.name}`);
  }

  #deliverAll(): void {
    for (const response of [...this.#responses]) this.#deliver(response);
  }

  #send(op: Op): void {
    if (op.advance > 0) this.#world.clock.advance(op.advance);
    if (op.kind === 'steal') {
      const { token } = this.#clients[op.other]!;
      if (token) this.#clients[3]!.keep(token);
      return this.#tell(undefined, `client 3 copies the cookie of client ${op.other}`);
    }
    const revokes = REVOKERS.has(op.kind) ? 1 : 0;
    this.#active++;
    this.#revoking += revokes;
    void this.#serve(op).finally(() => {
      this.#active--;
      this.#revoking -= revokes;
    });
  }

  #tell(actor: Actor | undefined, what: string): void {
    this.#trace?.push(`${String(this.oracle.step).padStart(4)}  ${actor ? `${actor.name}: ` : ''}${what}`);
  }

  // A request, as Nest, its interceptor and the hook of the response have it.

  async #serve(op: Op): Promise<void> {
    const actor = this.#actor(op);
    const engine = this.#world.nodes[op.node]!;
    this.#tell(actor, `is sent: ${tell(op)}${actor.token ? `, with ${this.#nameOf(actor.token)}` : ''}`);
    this.#serving.add(actor);
    await this.#world.actors.run(actor, async () => {
      if (op.kind === 'revokeAll') return this.#revokeAll(actor, engine);
      const state = await this.#open(actor, engine);
      if (op.kind === 'socket') return this.#socket(actor, engine, state);
      const status = await this.#respond(actor, engine, state);
      this.#answer(actor, engine, state, status);
    });
    this.#serving.delete(actor);
  }

  #actor(op: Op): Actor {
    const token = op.kind === 'revokeAll' ? undefined : this.#clients[op.client]!.presented(op.age);
    const named = op.kind === 'revokeAll' || op.kind === 'login';
    const own = token && !named ? this.oracle.sessions.get(token.id)?.subject : undefined;
    return {
      name: `R${++this.#actors}`,
      op,
      subject: own ?? this.#subjects[op.user],
      start: this.oracle.step,
      acted: this.oracle.step,
      token,
      seen: undefined,
      epochs: new Map(),
      faults: 0,
      alarmed: false,
      entitled: false,
      attempts: [],
      made: new Set(),
      named: new Set(),
      revocation: undefined,
      savedAt: -Infinity,
      read: undefined,
    };
  }

  async #open(actor: Actor, engine: SessionEngine): Promise<RequestState> {
    let state: RequestState;
    let failure: unknown;
    try {
      const cookie = actor.token && `${COOKIE}=${actor.token.value}`;
      state =
        actor.op.kind === 'socket' ? await engine.openDetached(cookie, {}) : await engine.open(cookie, {});
    } catch (error) {
      failure = error;
      state = engine.refuse({}, error as Error);
    }
    if (!this.#aborted) this.oracle.opened(actor, state.live?.handle.record, failure);
    return state;
  }

  async #respond(actor: Actor, engine: SessionEngine, state: RequestState): Promise<number> {
    const { op } = actor;
    const logout = op.kind.startsWith('@Logout');
    if (state.refusal !== undefined) {
      if (logout) state.expireCookie();
      return 503;
    }
    if (op.response === 'cancelled') state.response.cookieComesTooLate(true);
    const id = state.id;
    let status = 200;
    try {
      if (!GUESTS.has(op.kind) && !isLoggedIn(state)) throw new Denied();
      state.countActivity(!op.passive && !logout);
      if (logout) state.intendLogout({ everywhere: op.kind === '@Logout everywhere' });
      if (op.slow) await this.pause();
      await this.#handle(actor, engine, state);
      if (op.fails) throw new Failure();
      await engine.commit(state, true);
    } catch (error) {
      state.withdraw();
      status = this.#statusOf(actor, id, error);
    }
    try {
      const refused = state.failure !== undefined && status >= 400;
      const done = refused ? undefined : engine.commit(state, status < 400);
      state.close();
      await done;
    } catch (error) {
      status = this.#statusOf(actor, id, error);
    }
    return status;
  }

  #statusOf(actor: Actor, id: string, error: unknown): number {
    if (error instanceof Failure) return 500;
    if (error instanceof Denied) return 401;
    if (!this.#aborted) this.oracle.refused(actor, id, error);
    return (isSessionError(error) && error.statusCode) || 500;
  }

  async #handle(actor: Actor, engine: SessionEngine, state: RequestState): Promise<void> {
    const { op } = actor;
    const { oracle } = this;
    actor.acted = oracle.step;
    switch (op.kind) {
      case 'read':
        void state.bag.proxy[op.key];
        return;
      case 'write':
        return this.#write(actor, state);
      case 'update':
        return this.#update(engine, state);
      case 'write+update':
        this.#write(actor, state);
        return this.#update(engine, state);
      case 'login':
        return engine.login(state, actor.subject, { keep: op.keep ? ['a', 'n'] : [] });
      case 'relogin':
        oracle.proves(state.id);
        return engine.relogin(state);
      case 'regenerate': {
        const keep = op.keep ? ['a', 'n'] : [];
        oracle.drops(actor, state.id, keep);
        return engine.regenerate(state, { keep });
      }
      case 'logout':
        return engine.end(state, 'logout');
      case 'clear':
        return engine.end(state, 'cleared');
      case 'everywhere':
        oracle.revokes(actor);
        return engine.end(state, 'logout', true);
      case '@Logout everywhere':
        return oracle.revokes(actor);
      case 'revoke':
        return this.#revoke(actor, engine, state);
      case 'others': {
        oracle.revokes(actor, [state.id]);
        await engine.revokeAll(actor.subject, [state.id]);
        return;
      }
      case '@Logout':
      case 'revokeAll':
      case 'socket':
      case 'steal':
        return;
    }
  }

  #write(actor: Actor, state: RequestState): void {
    const { key } = actor.op;
    const value = `${actor.name} ${++this.#texts}`;
    state.bag.proxy[key] = value;
    this.oracle.writes(actor, state.id, key, JSON.stringify(value));
  }

  async #update(engine: SessionEngine, state: RequestState): Promise<void> {
    const update = this.oracle.updates(state.id);
    await engine.update(state, 'n', (value) => ((value as number | undefined) ?? 0) + 1);
    if (!this.#aborted) update.end = this.oracle.step;
  }

  async #revoke(actor: Actor, engine: SessionEngine, state: RequestState): Promise<void> {
    const id = this.#clients[actor.op.other]!.token?.id ?? state.id;
    actor.named.add(id);
    const ended = await engine.revoke(id, actor.subject);
    if (ended === 0 && !this.#aborted) this.oracle.revokedNone(actor, id);
    if (ended > 0 && state.handle?.record.id === id) state.revoked();
  }

  /** By an administrator, who has no session here. */
  async #revokeAll(actor: Actor, engine: SessionEngine): Promise<void> {
    this.oracle.revokes(actor);
    try {
      await engine.revokeAll(actor.subject);
      this.#acknowledge(actor);
    } catch (error) {
      this.#statusOf(actor, '', error);
    }
  }

  /** A handle that lives on: opened by a handshake, without a response that could take a cookie. */
  async #socket(actor: Actor, engine: SessionEngine, state: RequestState): Promise<void> {
    if (state.refusal !== undefined) return;
    const { id } = state;
    try {
      if (!isLoggedIn(state)) return;
      this.oracle.answered(actor, undefined, true);
      for (let i = 0; i < 2; i++) {
        await this.pause();
        await this.pause();
        await this.#update(engine, state);
      }
      this.#write(actor, state);
      await engine.save(state);
      this.#acknowledge(actor);
    } catch (error) {
      this.#statusOf(actor, id, error);
    }
  }

  #acknowledge(actor: Actor): void {
    this.#tell(actor, 'is acknowledged');
    if (!this.#aborted) this.oracle.acknowledged(actor);
  }

  #answer(actor: Actor, engine: SessionEngine, state: RequestState, status: number): void {
    const cookie = engine.cookieOf(state);
    const value = cookie === undefined ? undefined : cookie.slice(COOKIE.length + 1, cookie.indexOf(';'));
    const token = value ? this.#world.tokenOf(value) : undefined;
    if (token) this.#tokens.push(token);
    const told = token ? `, with ${this.#nameOf(token)}` : value === '' ? ', taking the cookie away' : '';
    this.#tell(actor, `answers ${status}${told}`);
    if (this.#aborted) return;
    if (status < 300) this.oracle.acknowledged(actor, token);
    this.oracle.answered(actor, token, state.live !== undefined && status < 400);
    const client = this.#clients[actor.op.client]!;
    if (value !== undefined && actor.op.response === 'kept') this.#responses.push({ actor, client, token });
  }

  #nameOf({ id, hash }: Token): string {
    const view = this.oracle.sessions.get(id);
    return `token ${String(view?.link(hash)?.index)} of ${this.oracle.nameOf(id)}`;
  }

  // The end.

  async #settle(): Promise<void> {
    const { oracle } = this;
    this.#gated = false;
    oracle.step++;
    await this.#world.settle(oracle, this.#tokens, this.#subjects);
    for (const client of [0, 1, 2]) {
      if (!oracle.violation) await this.#serve({ ...QUIET, client });
    }
  }

  /** Nobody is left waiting, and nothing is left in the store. */
  async #tidy(): Promise<void> {
    this.#aborted = true;
    while (this.#active > 0 || this.#waiting.length > 0) {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the run is over'));
      await drained();
    }
    await this.#world.tidy(this.oracle, this.#subjects);
  }
}

const GUESTS: ReadonlySet<Op['kind']> = new Set([
  'login',
  'logout',
  '@Logout',
  'everywhere',
  '@Logout everywhere',
  'clear',
]);

const REVOKERS: ReadonlySet<Op['kind']> = new Set([
  'revokeAll',
  'everywhere',
  '@Logout everywhere',
  'others',
]);

const isLoggedIn = (state: RequestState): boolean => state.live?.handle.record.subject !== undefined;

const QUIET: Op = {
  kind: 'read',
  client: 0,
  node: 0,
  user: 0,
  age: 0,
  response: 'kept',
  fails: false,
  passive: false,
  key: 'a',
  keep: false,
  other: 0,
  advance: 0,
  slow: false,
  speed: 1,
};

const FAULT_TOLD = {
  before: 'and has no effect',
  after: 'although it had its effect',
  late: 'and will have its effect later',
} as const;

const PHASE_TOLD = {
  before: 'takes place',
  after: 'is answered',
  late: 'takes place after all',
  pause: 'is over',
} as const;

const MOVE_BY: readonly (readonly [number, number])[] = [
  [1, 2],
  [SECOND, 3],
  [GRACE - 1, 2],
  [GRACE, 3],
  [ROLL_EVERY, 1],
  [ROTATE_EVERY, 2],
  [IDLE - MINUTE, 1],
  [IDLE + 1, 0.3],
];

/** Everything that can go on without the scheduler has gone on. */
const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
