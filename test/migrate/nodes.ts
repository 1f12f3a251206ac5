import { AsyncLocalStorage } from 'node:async_hooks';
import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { MemoryStore } from 'nest-sessions';
import { fromExpressSession, fromJwt } from 'nest-sessions/migrate';
import { SessionEngine } from '../../lib/core/engine.js';
import { EventHub } from '../../lib/core/events/events.js';
import type { MigrationSource } from '../../lib/core/migration/source.js';
import type { SessionRecord } from '../../lib/core/model/record.js';
import type { RequestState } from '../../lib/core/request/request-state.js';
import type { BackendContext } from '../../lib/core/storage/backend.js';
import { StoreBackend } from '../../lib/core/storage/store-backend.js';
import type { Awaitable } from '../../lib/core/storage/store.js';
import { TOKEN_LENGTH } from '../../lib/core/token/ids.js';
import { Signer } from '../../lib/core/token/signer.js';
import { isSessionError } from '../../lib/core/util/errors.js';
import { FakeClock } from '../../lib/testing/fake-clock.js';
import { methodsOf, type StoreMethods } from '../model/gate.js';
import { Prng } from '../model/scenario.js';

export const COOKIE = 'session';
export const HOUR = 3_600_000;
const SECRET = 'the secret of the migration, of 32 bytes or more';
const OLD_SECRET = 'the secret of express-session';
const LIMITS = { idle: HOUR, lifetime: 24 * HOUR };
const SECONDS = 1_000;

export type OldKind = 'express-session' | 'express-session, kept' | 'a JWT';
export const oldKinds: readonly OldKind[] = ['express-session', 'express-session, kept', 'a JWT'];

/** What the client of a request is told. `who`: `null` without a login, 503 in an outage. */
export interface Told {
  who: string | null | 503;
  cookies: readonly string[];
}

interface Actor {
  priority: number;
}

/** A call of a store that waits: before its effect, or before its answer. */
interface Waiting {
  name: string;
  actor: Actor;
  go: () => void;
}

interface OldRecord {
  user: string;
  at: number;
  cookie: { originalMaxAge: number };
}

const ACTORS = new AsyncLocalStorage<Actor>();

/** Two nodes over one store, and the store of the library that they take sessions over from. Each call of a store waits for its turn. */
export class Nodes {
  readonly clock = new FakeClock();
  readonly #kind: OldKind;
  readonly #database = new MemoryStore();
  readonly #old = new Map<string, OldRecord>();
  readonly #nodes: readonly SessionEngine[];
  readonly #ids = new Set<string>();
  readonly #waiting: Waiting[] = [];
  #sid = '';
  #begun = 0;
  /** Decides on the order, and on faults. */
  #random = new Prng(0);
  /** How often a call fails. */
  faults = 0;
  /** Calls that wait until this is unset. */
  held: RegExp | undefined;
  /** Calls that fail before their effect. */
  failing: RegExp | undefined;
  /** When the user logged in at the old application. */
  loggedInAt = 0;
  readonly trace: string[] = [];

  constructor(kind: OldKind) {
    this.#kind = kind;
    const context = this.#context();
    this.#database.bind(context);
    this.#nodes = ['A', 'B'].map((name) => this.#node(name, context));
  }

  /** A user who logged in at the old application an hour ago. @returns the Cookie header of the browser */
  begin(random: Prng): string {
    for (const id of this.#ids) this.#database.destroy(id);
    this.#ids.clear();
    this.#old.clear();
    this.trace.length = 0;
    this.#random = random;
    this.faults = 0;
    this.held = undefined;
    this.failing = undefined;
    this.loggedInAt = this.clock.now() - HOUR;
    this.#sid = `sid-${++this.#begun}`;
    this.#old.set(this.#sid, { user: 'alice', at: this.loggedInAt, cookie: { originalMaxAge: 10 * HOUR } });
    if (this.#kind === 'a JWT') return `token=${this.#sid}`;
    const mac = createHmac('sha256', OLD_SECRET).update(this.#sid).digest('base64').replace(/=+$/, '');
    return `connect.sid=${encodeURIComponent(`s:${this.#sid}.${mac}`)}`;
  }

  /** The sessions of users that there are. */
  get records(): SessionRecord[] {
    const found = [...this.#ids].map((id) => this.#database.load(id));
    const records = found.flatMap((one) => (one && 'record' in one ? [one.record] : []));
    return records.filter(({ subject }) => subject !== undefined);
  }

  request(node: number, what: 'look' | 'logout', cookie: string): Promise<Told> {
    return ACTORS.run({ priority: this.#random.next() }, () =>
      this.#request(this.#nodes[node]!, what, cookie),
    );
  }

  /** Carries out what waits, in an order that `random` chooses, until the work is done. */
  async run<T>(...work: Promise<T>[]): Promise<T[]> {
    let done = false;
    const all = Promise.all(work).finally(() => (done = true));
    all.catch(() => undefined);
    for (let idle = 0; !done; idle++) {
      if (idle > 100) throw new Error(`Nothing goes on:\n${this.trace.join('\n')}`);
      await turn();
      const next = this.#next();
      if (next) [idle] = [0, next.go()];
    }
    return all;
  }

  /** Carries out what is not held. */
  async rest(): Promise<void> {
    for (let idle = 0; idle < 20; idle++) {
      await turn();
      const next = this.#next();
      if (next) [idle] = [0, next.go()];
    }
  }

  /** One request goes ahead of the others until their priorities change, so that some are far behind. */
  #next(): Waiting | undefined {
    const free = this.#waiting.filter(({ name }) => !this.held?.test(name));
    for (const { actor } of free) if (this.#random.chance(0.04)) actor.priority = this.#random.next();
    const first = Math.max(...free.map(({ actor }) => actor.priority));
    const next = free.find(({ actor }) => actor.priority === first);
    if (next) this.#waiting.splice(this.#waiting.indexOf(next), 1);
    return next;
  }

  async #request(engine: SessionEngine, what: 'look' | 'logout', cookie: string): Promise<Told> {
    const client = { request: { headers: { cookie } } as IncomingMessage, ip: '192.0.2.1' };
    let state: RequestState | undefined;
    try {
      state = await engine.takeOver(await engine.open(cookie, client), client, () => true);
      const who = state.live?.handle.record.subject ?? null;
      if (what === 'logout') state.intendLogout({ everywhere: false });
      else state.countActivity(true);
      await engine.commit(state, true);
      return { who, cookies: cookiesOf(engine, state) };
    } catch (error) {
      if (!isSessionError(error) || error.code !== 'ERR_STORE_UNAVAILABLE') throw error;
      return { who: 503, cookies: state ? cookiesOf(engine, state) : [] };
    }
  }

  #call<T>(name: string, effect: () => Awaitable<T>): Promise<T> {
    const actor = ACTORS.getStore()!;
    return new Promise<T>((resolve, reject) => {
      const go = (): void => {
        const fault = this.#fault(name);
        this.trace.push(`${name} ${fault ?? ''}`);
        const fail = (): void => reject(new Error('the store is down'));
        if (fault === 'fails before') return fail();
        const answer = (settle: () => void): void => {
          if (this.#random.chance(0.5)) settle();
          else this.#waiting.push({ name: `${name} answers`, actor, go: settle });
        };
        try {
          Promise.resolve(effect()).then((value) => answer(() => (fault ? fail() : resolve(value))), reject);
        } catch (error) {
          answer(() => reject(error));
        }
      };
      this.#waiting.push({ name, actor, go });
    });
  }

  #fault(name: string): 'fails before' | 'fails after' | undefined {
    if (this.failing?.test(name)) return 'fails before';
    if (!this.#random.chance(this.faults)) return undefined;
    return this.#random.chance(0.5) ? 'fails before' : 'fails after';
  }

  #node(name: string, context: BackendContext): SessionEngine {
    const clock = this.clock;
    return new SessionEngine(
      {
        cookie: { name: COOKIE, path: '/', sameSite: 'lax', secure: true, partitioned: false },
        limits: LIMITS,
        rememberLimits: LIMITS,
        rollEvery: 60 * SECONDS,
        reloginWithin: 300 * SECONDS,
        reloadEvery: 10 * SECONDS,
        rotateEvery: 900 * SECONDS,
        grace: 10 * SECONDS,
        onExceeded: 'evict-oldest',
        storeTimeout: context.timeout,
        clock,
        migrate: [this.#source(name)],
      },
      new StoreBackend(this.#store(name), context),
      new EventHub(() => undefined),
    );
  }

  #store(name: string): StoreMethods {
    const real = methodsOf(this.#database);
    return {
      load: (id) => this.#call(`${name} load`, () => real.load(id)),
      create: (record, ...rest) => {
        this.#ids.add(record.id);
        return this.#call(`${name} create`, () => real.create(record, ...rest));
      },
      commit: (...args) => this.#call(`${name} commit`, () => real.commit(...args)),
      destroy: (...args) => this.#call(`${name} destroy`, () => real.destroy(...args)),
      list: (...args) => this.#call(`${name} list`, () => real.list(...args)),
      markRevoked: (...args) => this.#call(`${name} markRevoked`, () => real.markRevoked(...args)),
    };
  }

  #source(name: string): MigrationSource {
    type Done<T> = (error?: unknown, value?: T) => void;
    const call = <T>(method: string, done: Done<T>, effect: () => T): void =>
      void this.#call(`${name} old.${method}`, effect).then((value) => done(null, value), done);
    if (this.#kind === 'a JWT')
      return fromJwt({
        cookieName: 'token',
        verify: (token) => this.#claimsOf(token),
        revoke: () => this.#call(`${name} old.destroy`, () => undefined),
      });
    return fromExpressSession<OldRecord>({
      secret: OLD_SECRET,
      keepOld: this.#kind !== 'express-session',
      map: ({ user, at }) => ({ subject: user, loggedInAt: at }),
      store: {
        get: (sid, done) => call('get', done, () => structuredClone(this.#old.get(sid))),
        set: (_sid, _session, done) => call('set', done, () => undefined),
        touch: (_sid, _session, done) => call('touch', done, () => undefined),
        destroy: (sid, done) => call('destroy', done, () => this.#old.delete(sid)),
      },
    });
  }

  /** A token stays valid until it expires, whoever revoked it. */
  #claimsOf(token: string) {
    const at = this.loggedInAt / 1000;
    return token === this.#sid ? { sub: 'alice', jti: token, exp: at + 36_000, auth_time: at } : undefined;
  }

  #context(): BackendContext {
    return {
      secrets: [SECRET],
      signer: new Signer([SECRET], COOKIE, TOKEN_LENGTH),
      cookieName: COOKIE,
      limitsOf: () => LIMITS,
      countsSessions: false,
      loginsComeLate: 400 * 24 * HOUR,
      timeout: 5 * SECONDS,
      clock: this.clock,
      clockInjected: true,
      warn: () => undefined,
    };
  }
}

function cookiesOf(engine: SessionEngine, state: RequestState): string[] {
  const own = engine.cookieOf(state);
  return [...(own === undefined ? [] : [own]), ...(state.takenOver?.removals ?? [])];
}
