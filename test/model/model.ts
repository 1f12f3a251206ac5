import { AsyncLocalStorage } from 'node:async_hooks';
import type { SessionStore } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { SessionEngine } from '../../lib/core/engine.js';
import { isSessionError } from '../../lib/core/util/errors.js';
import { EventHub } from '../../lib/core/events/events.js';
import { TOKEN_LENGTH } from '../../lib/core/token/ids.js';
import type { SessionBackend, BackendContext } from '../../lib/core/storage/backend.js';
import { Signer } from '../../lib/core/token/signer.js';
import { StoreBackend } from '../../lib/core/storage/store-backend.js';
import type { Awaitable } from '../../lib/core/storage/store.js';
import type { RequestState } from '../../lib/core/request/request-state.js';
import { Oracle, tokenOf, Violation, type Actor, type Token } from './oracle.js';
import {
  CLIENTS,
  drawn,
  GRACE,
  IDLE,
  LIFETIME,
  MINUTE,
  ROLL_EVERY,
  ROTATE_EVERY,
  scenario,
  SECOND,
  Tape,
  tell,
  type Focus,
  type Op,
  type Scenario,
} from './scenario.js';

const COOKIE = 'session';
const SECRET = 'the secret of the model, of 32 bytes or more';

/** Store calls that fail in a run, and moves of the clock between two steps, at most. */
const FAULTS = 2;
const MOVES = 5;

/** Steps after which a run counts as stuck. */
const PATIENCE = 2_000;

/** What is put in place of a part of the library, so that the model finds a fault. */
export interface Sabotage {
  /** Of the store as a node sees it: its calls have yet to take place. */
  store?: (store: SessionStore) => SessionStore;
  /** Of the store itself: at the time of a call's effect. */
  database?: (store: SessionStore) => SessionStore;
  backend?: (store: SessionStore, context: BackendContext) => SessionBackend;
  engine?: (engine: SessionEngine, backend: SessionBackend) => SessionEngine;
}

/** Two nodes over one store. They serve one run after the other, each with users of its own. */
export class World {
  readonly clock = new FakeClock();
  readonly database: SessionStore;
  readonly nodes: readonly SessionEngine[];
  readonly probe: SessionBackend;
  readonly actors = new AsyncLocalStorage<Actor>();
  run: Run | undefined;
  #runs = 0;

  constructor(store: SessionStore, sabotage: Sabotage = {}) {
    this.database = sabotage.database?.(store) ?? store;
    const context = this.#context();
    store.bind?.(context);
    this.probe = new StoreBackend({ ...methodsOf(this.database), bind: undefined }, context);
    this.nodes = [0, 1].map(() => this.#node(sabotage));
  }

  nextUser(): string {
    return `user-${++this.#runs}`;
  }

  #node(sabotage: Sabotage): SessionEngine {
    const gated = gatedStore(this);
    const store = sabotage.store?.(gated) ?? gated;
    const context = this.#context();
    const backend = sabotage.backend?.(store, context) ?? new StoreBackend(store, context);
    const events = new EventHub((error) =>
      this.run?.oracle.fail('answers', `a listener threw ${String(error)}`),
    );
    const { clock } = this;
    const limits = { idle: IDLE, lifetime: LIFETIME };
    const engine = new SessionEngine(
      {
        cookie: { name: COOKIE, path: '/', sameSite: 'lax', secure: true, partitioned: false },
        limits,
        rememberLimits: limits,
        rollEvery: ROLL_EVERY,
        reloginWithin: 300_000,
        rotateEvery: ROTATE_EVERY,
        grace: GRACE,
        onExceeded: 'evict-oldest',
        storeTimeout: context.timeout,
        clock,
        pause: () => this.run?.pause() ?? Promise.resolve(),
      },
      backend,
      events,
    );
    events.listen((event) => {
      if (event.type === 'reused') this.run?.oracle.alarm(this.actors.getStore(), event.id);
    });
    return sabotage.engine?.(engine, backend) ?? engine;
  }

  #context(): BackendContext {
    const limits = { idle: IDLE, lifetime: LIFETIME };
    return {
      secrets: [SECRET],
      signer: new Signer([SECRET], COOKIE, TOKEN_LENGTH),
      cookieName: COOKIE,
      limitsOf: () => limits,
      countsSessions: false,
      // The scheduler alone decides how long a call takes.
      timeout: 10 * MINUTE,
      clock: this.clock,
      clockInjected: true,
      warn: () => undefined,
    };
  }
}

type Method = 'load' | 'create' | 'commit' | 'destroy' | 'list' | 'markRevoked';

export function methodsOf(store: SessionStore): Pick<SessionStore, Method> {
  return {
    load: (id) => store.load(id),
    create: (...args) => store.create(...args),
    commit: (...args) => store.commit(...args),
    destroy: (...args) => store.destroy(...args),
    list: (...args) => store.list(...args),
    markRevoked: (...args) => store.markRevoked(...args),
  };
}

/** The store of one node: each call waits for the scheduler, before its effect and before its answer. */
function gatedStore(world: World): SessionStore {
  const { database } = world;
  const call = <T>(
    method: Method,
    detail: string,
    effect: (actor: Actor, oracle: Oracle, calledAt: number) => Awaitable<T>,
  ): Promise<T> => world.run!.call(world.actors.getStore()!, method, detail, effect);
  const nameOf = (id: string): string => world.run!.oracle.nameOf(id);
  return {
    load: (id) =>
      call('load', nameOf(id), (actor, oracle) =>
        then(database.load(id), (found) => oracle.loaded(actor, id, found)),
      ),
    create: (record, ...rest) =>
      call('create', '', (actor, oracle) =>
        then(database.create(record, ...rest), (done) => oracle.created(actor, record, done)),
      ),
    commit: (id, delta) =>
      call('commit', `${nameOf(id)} ${Object.keys(delta).join(' ')}`, (actor, oracle, calledAt) =>
        then(database.commit(id, delta), (done) => oracle.committed(actor, id, delta, done, calledAt)),
      ),
    destroy: (id, tombstone) =>
      call('destroy', nameOf(id), (actor, oracle) =>
        then(database.destroy(id, tombstone), (last) => oracle.destroyed(actor, id, last)),
      ),
    list: (subject, limit) =>
      call('list', '', async (_actor, { sessions }) => {
        const found = await database.list(subject, limit);
        // In an order of their own, so that a run can be repeated.
        const order = [...sessions.keys()];
        return [...found].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
      }),
    markRevoked: (...args) => call('markRevoked', '', () => database.markRevoked(...args)),
  };
}

function then<T>(answer: Awaitable<T>, look: (value: T) => void): Awaitable<T> {
  if (answer instanceof Promise) return answer.then((value: T) => (look(value), value));
  look(answer);
  return answer;
}

/** A call of the store, or a pause, that waits for the scheduler. */
interface Waiting {
  actor: Actor | undefined;
  what: string;
  /** Before its effect, before its answer, or with its effect to come after the caller was told that it failed. */
  phase: 'before' | 'after' | 'late' | 'pause';
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
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #subjects: readonly [string, string];
  readonly #clients = Array.from({ length: CLIENTS }, (_, i) => new Browser(`client ${i}`));
  readonly #tokens: Token[] = [];
  readonly #trace: string[] | undefined;
  readonly #waiting: Waiting[] = [];
  readonly #responses: Response[] = [];
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
    this.oracle = new Oracle(() => world.clock.now());
  }

  async execute(): Promise<Violation | undefined> {
    this.#world.run = this;
    try {
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

  call<T>(
    actor: Actor,
    method: string,
    detail: string,
    effect: (actor: Actor, oracle: Oracle, calledAt: number) => Awaitable<T>,
  ): Promise<T> {
    const calledAt = this.#world.clock.now();
    const carryOut = (): Awaitable<T> => effect(actor, this.oracle, calledAt);
    if (this.#aborted) return Promise.reject(new Error('the run is over'));
    if (!this.#gated) return (async () => carryOut())();
    return this.#wait(actor, `${method} ${detail}`.trim(), 'before', carryOut) as Promise<T>;
  }

  pause(): Promise<void> {
    if (!this.#gated) return Promise.resolve();
    return this.#wait(this.#world.actors.getStore(), 'a pause', 'pause', () => undefined) as Promise<void>;
  }

  #wait(
    actor: Actor | undefined,
    what: string,
    phase: Waiting['phase'],
    effect: Waiting['effect'],
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ actor, what, phase, effect, answer: undefined, resolve, reject });
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
    const waits = what === 'create' && phase === 'before' && this.#revoking > 0;
    return (actor?.op.speed ?? 1) * (waits ? 0.1 : 1);
  }

  async #goOn(one: Waiting, value: number): Promise<void> {
    const { phase, actor, what } = one;
    const fault = phase === 'pause' || phase === 'late' ? undefined : this.#fault(phase, value);
    const stays = (phase === 'before' && fault === undefined) || fault === 'late';
    if (!stays) this.#waiting.splice(this.#waiting.indexOf(one), 1);
    if (fault) {
      this.#faults++;
      actor!.faults += fault === 'late' ? 2 : 1;
      this.#tell(actor, `${what} fails ${FAULT_TOLD[fault]}`);
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
    await this.#world.actors.run(actor, async () => {
      if (op.kind === 'revokeAll') return this.#revokeAll(actor, engine);
      const state = await this.#open(actor, engine);
      if (op.kind === 'socket') return this.#socket(actor, engine, state);
      const status = await this.#respond(actor, engine, state);
      this.#answer(actor, engine, state, status);
    });
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
    const token = value ? tokenOf(value) : undefined;
    if (token) this.#tokens.push(token);
    const told = token ? `, with ${this.#nameOf(token)}` : value === '' ? ', taking the cookie away' : '';
    this.#tell(actor, `answers ${status}${told}`);
    if (this.#aborted) return;
    if (status < 300) this.oracle.acknowledged(actor);
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
    const listed = await Promise.all(this.#subjects.map((subject) => this.#listOf(subject)));
    for (const view of oracle.sessions.values()) {
      const found = await this.#world.database.load(view.id);
      const own = listed[this.#subjects.indexOf(view.subject ?? '')] ?? new Set();
      oracle.settled(view, found && 'record' in found ? found.record : undefined, own);
    }
    for (const token of this.#tokens) await this.#probe(token);
    for (const client of [0, 1, 2]) {
      if (!oracle.violation) await this.#serve({ ...QUIET, client });
    }
  }

  async #listOf(subject: string): Promise<ReadonlySet<string>> {
    const found = await this.#world.database.list(subject);
    for (const { id } of found) this.oracle.belongs(id, subject);
    return new Set(found.map(({ id }) => id));
  }

  /** No token that was ever given to anybody opens what has ended. A read: nothing comes of it. */
  async #probe(token: Token): Promise<void> {
    const opened = await this.#world.probe.open(token.value, {});
    const view = this.oracle.sessions.get(token.id);
    if (opened.kind === 'live' && view && this.oracle.mustBeDead(view, Infinity))
      this.oracle.fail('endings', `${this.#nameOf(token)} opens it although its ending was acknowledged`);
  }

  /** Nobody is left waiting, and nothing is left in the store. */
  async #tidy(): Promise<void> {
    this.#aborted = true;
    while (this.#active > 0 || this.#waiting.length > 0) {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the run is over'));
      await drained();
    }
    const ids = [...this.oracle.sessions.keys()];
    await Promise.all(ids.map(async (id) => this.#world.database.destroy(id)));
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

export interface Finding {
  seed: number;
  violation: Violation;
}

/** Runs the interleavings of these seeds, until one violates an invariant. */
export async function explore(
  world: World,
  from: number,
  count: number,
  focus?: Focus,
): Promise<Finding | undefined> {
  for (let seed = from; seed < from + count; seed++) {
    const violation = await new Run(world, scenario(seed, focus)).execute();
    if (violation) return { seed, violation };
  }
  return undefined;
}

/** The least that still fails in the same way, and how. */
export async function explain(world: World, seed: number): Promise<string> {
  const first = scenario(seed);
  const violation = await new Run(world, first).execute();
  if (!violation) return `seed ${seed} does not fail when it is repeated`;
  const least = await shrink(world, first, violation);
  const trace: string[] = [];
  const last = await new Run(world, { ...least, tape: least.tape.replay() }, trace).execute();
  return [`seed ${seed}: ${violation.message}`, ...trace, `      ${String(last?.message)}`].join('\n');
}

/** Attempts to make a failing run smaller. */
const SHRINK_RUNS = 3_000;

async function shrink(world: World, first: Scenario, { invariant }: Violation): Promise<Scenario> {
  let best: Scenario = { ...first, tape: first.tape.replay() };
  let budget = SHRINK_RUNS;
  const fails = async (candidate: Scenario): Promise<boolean> => {
    if (budget-- <= 0) return false;
    const found = await new Run(world, { ...candidate, tape: candidate.tape.replay() }).execute();
    if (found?.invariant !== invariant) return false;
    best = candidate;
    return true;
  };
  for (let round = 0, smaller = true; smaller && round < 8; round++) {
    smaller = false;
    for (let i = best.ops.length - 1; i >= 0; i--) {
      if (await fails({ ...best, ops: best.ops.filter((_, at) => at !== i) })) smaller = true;
    }
    for (let i = best.ops.length - 1; i >= 0; i--) {
      for (const calm of CALMER) {
        const ops = best.ops.map((op, at) => (at === i ? { ...op, ...calm } : op));
        if (JSON.stringify(ops) !== JSON.stringify(best.ops) && (await fails({ ...best, ops })))
          smaller = true;
      }
    }
    // Two choices a step: whole steps first.
    for (let length = 64; length >= 1; length >>= 1) {
      for (let at = 0; at < best.tape.values.length; at += length) {
        const { values } = best.tape;
        const cut = [...values.slice(0, at), ...values.slice(at + length)];
        if (await fails({ ...best, tape: new Tape(cut) })) smaller = true;
        const zeroed = values.map((value, i) => (i >= at && i < at + length ? 0 : value));
        if (
          zeroed.some((value, i) => value !== best.tape.values[i]) &&
          (await fails({ ...best, tape: new Tape(zeroed) }))
        )
          smaller = true;
      }
    }
  }
  return best;
}

const CALMER: readonly Partial<Op>[] = [
  { fails: false },
  { passive: false },
  { slow: false },
  { age: 0 },
  { advance: 0 },
  { response: 'kept' },
  { keep: false },
  { node: 0 },
  { user: 0 },
  { speed: 1 },
];
