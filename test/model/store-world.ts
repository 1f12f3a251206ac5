import type { SessionStore } from 'nest-sessions';
import type { SessionEngine } from '../../lib/core/engine.js';
import type { BackendContext, SessionBackend } from '../../lib/core/storage/backend.js';
import { StoreBackend } from '../../lib/core/storage/store-backend.js';
import { hashSecret } from '../../lib/core/token/ids.js';
import { gatedStore, methodsOf } from './gate.js';
import { Oracle, type Token } from './oracle.js';
import { World } from './world.js';

/** What is put in place of a part of the library, so that the model finds a fault. */
export interface Sabotage {
  /** Of the store as a node sees it: its calls have yet to take place. */
  store?: (store: SessionStore) => SessionStore;
  /** Of the store itself: at the time of a call's effect. */
  database?: (store: SessionStore) => SessionStore;
  backend?: (store: SessionStore, context: BackendContext) => SessionBackend;
  engine?: (engine: SessionEngine, backend: SessionBackend) => SessionEngine;
}

/** Two nodes over one store. */
export class StoreWorld extends World {
  readonly nodes: readonly SessionEngine[];
  readonly #database: SessionStore;
  readonly #probe: SessionBackend;
  /** What was loaded since the last run ended. */
  readonly #settled = new Map<string, ReturnType<SessionStore['load']>>();

  constructor(store: SessionStore, sabotage: Sabotage = {}) {
    super();
    this.#database = sabotage.database?.(store) ?? store;
    const context = this.context();
    store.bind?.(context);
    const load: SessionStore['load'] = (id) => this.#load(id);
    this.#probe = new StoreBackend({ ...methodsOf(this.#database), load, bind: undefined }, context);
    this.nodes = [0, 1].map(() => this.#node(sabotage));
  }

  #node(sabotage: Sabotage): SessionEngine {
    const gated = gatedStore(this, this.#database, () => this.run?.oracle);
    const store = sabotage.store?.(gated) ?? gated;
    const context = this.context();
    const backend = sabotage.backend?.(store, context) ?? new StoreBackend(store, context);
    const engine = this.engineOver(backend);
    return sabotage.engine?.(engine, backend) ?? engine;
  }

  oracle(): Oracle {
    return new Oracle(() => this.clock.now());
  }

  begin(): Promise<void> {
    return Promise.resolve();
  }

  async settle(oracle: Oracle, tokens: readonly Token[], subjects: readonly string[]): Promise<void> {
    const views = [...oracle.sessions.values()];
    const [lists, records, opened] = await Promise.all([
      Promise.all(subjects.map(async (subject) => this.#database.list(subject))),
      Promise.all(views.map(async ({ id }) => this.#load(id))),
      Promise.all(tokens.map(async ({ value }) => this.#probe.open(value, {}))),
    ]);
    for (const [i, list] of lists.entries()) for (const { id } of list) oracle.belongs(id, subjects[i]!);
    for (const [i, view] of views.entries()) {
      const found = records[i];
      const listed = lists[subjects.indexOf(view.subject ?? '')] ?? [];
      oracle.settled(
        view,
        found && 'record' in found ? found.record : undefined,
        listed.some(({ id }) => id === view.id),
      );
    }
    // No token that was ever given to anybody opens what has ended. A read: nothing comes of it.
    for (const [i, token] of tokens.entries()) if (opened[i]!.kind === 'live') oracle.opensAtTheEnd(token);
  }

  /** Once for each session, however many tokens of it there are: nothing changes meanwhile. */
  #load(id: string): ReturnType<SessionStore['load']> {
    const loaded = this.#settled.get(id) ?? this.#database.load(id);
    this.#settled.set(id, loaded);
    return loaded;
  }

  async tidy({ sessions }: Oracle): Promise<void> {
    this.#settled.clear();
    await Promise.all([...sessions.keys()].map(async (id) => this.#database.destroy(id)));
  }

  /** The session and secret in a cookie's value, `s:id.secret.signature`. */
  tokenOf(value: string): Token {
    const [id, secret] = value.slice(2).split('.') as [string, string];
    return { id, hash: hashSecret(secret), value };
  }
}
