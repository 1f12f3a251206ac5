import { AsyncLocalStorage } from 'node:async_hooks';
import { FakeClock } from '../../lib/testing/fake-clock.js';
import { SessionEngine } from '../../lib/core/engine.js';
import { EventHub } from '../../lib/core/events/events.js';
import { TOKEN_LENGTH } from '../../lib/core/token/ids.js';
import type { SessionBackend, BackendContext } from '../../lib/core/storage/backend.js';
import type { Awaitable } from '../../lib/core/storage/store.js';
import { Signer } from '../../lib/core/token/signer.js';
import type { Actor, Oracle, Token } from './oracle.js';
import type { Run } from './run.js';
import { GRACE, IDLE, LIFETIME, MINUTE, ROLL_EVERY, ROTATE_EVERY, type Scenario } from './scenario.js';

export const COOKIE = 'session';
export const SECRET = 'the secret of the model, of 32 bytes or more';

let worlds = 0;

/** One for all worlds: each further one makes every promise of the process slower. */
const ACTORS = new AsyncLocalStorage<Actor>();

/** Two nodes, and what they share. They serve one run after the other, each with users of its own. */
export abstract class World {
  readonly clock = new FakeClock();
  readonly actors = ACTORS;
  run: Run | undefined;
  // Worlds may share a store.
  readonly #name = ++worlds;
  #users = 0;

  abstract readonly nodes: readonly SessionEngine[];

  abstract oracle(): Oracle;

  /** Before the first request of a run. */
  abstract begin(scenario: Scenario): Promise<void>;

  /** Compares what is left of the sessions of a run with what must hold. Nothing changes by it. */
  abstract settle(oracle: Oracle, tokens: readonly Token[], subjects: readonly string[]): Promise<void>;

  /** After a run: nothing of it is left. */
  abstract tidy(oracle: Oracle, subjects: readonly string[]): Promise<void>;

  /** What it shares with other worlds stays open. */
  close(): Awaitable<void> {
    return undefined;
  }

  /** @param value of a cookie */
  abstract tokenOf(value: string): Token;

  nextUser(): string {
    return `user-${this.#name}-${++this.#users}`;
  }

  protected engineOver(backend: SessionBackend): SessionEngine {
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
        reloadEvery: 10_000,
        rotateEvery: ROTATE_EVERY,
        grace: GRACE,
        onExceeded: 'evict-oldest',
        storeTimeout: this.context().timeout,
        clock,
        pause: () => this.run?.pause() ?? Promise.resolve(),
      },
      backend,
      events,
    );
    events.listen((event) => {
      if (event.type === 'reused') this.run?.oracle.alarm(this.actors.getStore(), event.id);
    });
    return engine;
  }

  protected context(): BackendContext {
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
