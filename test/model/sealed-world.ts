import { createSecretKey } from 'node:crypto';
import type { SessionStore } from 'nest-sessions';
import type { RevocationList } from 'nest-sessions/sealed';
import type { SessionEngine } from '../../lib/core/engine.js';
import type { SessionBackend } from '../../lib/core/storage/backend.js';
import { SharedRevocations, type RevocationSource } from '../../lib/revocations/replicated.js';
import type { Revocation } from '../../lib/revocations/revocation-list.js';
import { MemoryStore } from '../../lib/stores/memory/index.js';
import { SealedCookie } from '../../lib/stores/sealed/index.js';
import { CookieSealer } from '../../lib/stores/sealed/cookie-sealer.js';
import { SealedFormat } from '../../lib/stores/sealed/formats/sealed.js';
import type { SealedHandle } from '../../lib/stores/sealed/handle.js';
import type { Content } from '../../lib/stores/sealed/payload.js';
import { backendWith, listWith } from './delegates.js';
import { gatedStore, methodsOf } from './gate.js';
import type { Actor, Oracle, Token } from './oracle.js';
import { MINUTE, type Scenario, type SealedSettings } from './scenario.js';
import { SharedList } from './sealed-list.js';
import { SealedOracle } from './sealed-oracle.js';
import { COOKIE, SECRET, World } from './world.js';

/** What is put in place of a part of the library, so that the model finds a fault. */
export interface SealedSabotage {
  /** Of the list as a node sees it. */
  list?: (list: RevocationList, node: number) => RevocationList;
  /** Of the index as a node sees it. */
  index?: (index: SessionStore) => SessionStore;
  backend?: (backend: SessionBackend<SealedHandle>) => Partial<SessionBackend<SealedHandle>>;
  engine?: (engine: SessionEngine) => SessionEngine;
}

/** The scheduler alone decides when the nodes read the list: no copy becomes too old by the clock of the machine. */
const STALENESS = '70d';

/** The staleness of the model in milliseconds: no run keeps a node from reading the list for longer. */
const LAG = 24 * 60 * MINUTE;

/** Runs for which the list and its copies are kept. New ones take time, and old ones space. */
const LIFE = 200;

/** Two nodes with sealed cookies, which share a list of revocations and, in some of the runs, an index. */
export class SealedWorld extends World {
  readonly nodes: readonly SessionEngine[];
  /** Those of each setting, by the node. */
  readonly #known = new Map<string, SessionBackend<SealedHandle>[]>();
  /** Those of the present run. */
  #backends: SessionBackend<SealedHandle>[] = [];
  readonly #sabotage: SealedSabotage;
  readonly #index = new MemoryStore({ maxCount: 1_000 });
  readonly #sealer = new CookieSealer(
    new SealedFormat([createSecretKey(Buffer.from(SECRET))], COOKIE),
    undefined,
    COOKIE,
  );
  #settings: SealedSettings = { asks: true, indexed: false, enforces: false };
  #list = new SharedList();
  #copies: SharedRevocations[] = [];
  /** The last write of the list that each copy has. */
  readonly #read: number[] = [];
  #runs = 0;

  constructor(sabotage: SealedSabotage = {}) {
    super();
    this.#sabotage = sabotage;
    this.#index.bind(this.context());
    const engines = [0, 1].map((node) => this.engineOver(this.#backendOf(node) as SessionBackend));
    this.nodes = engines.map((engine) => sabotage.engine?.(engine) ?? engine);
  }

  oracle(): Oracle {
    return new SealedOracle(
      () => this.clock.now(),
      (token) => this.#contentOf(token.value),
      { read: this.#read, head: () => this.#list.head },
    );
  }

  tokenOf(value: string): Token {
    const { id, version } = this.#contentOf(value);
    return { id, hash: SealedOracle.hashOf(version), value };
  }

  #contentOf(value: string): Content {
    return this.#sealer.open(value, undefined)!;
  }

  async begin({ sealed }: Scenario): Promise<void> {
    this.#settings = sealed;
    if (this.#runs++ % LIFE === 0) await this.#renew();
    const key = JSON.stringify(sealed);
    const known = this.#known.get(key);
    this.#backends = known ?? this.#copies.map((copy, node) => this.#newBackend(copy, node));
    this.#known.set(key, this.#backends);
    await this.#learn();
  }

  async #renew(): Promise<void> {
    await this.close();
    this.#list = new SharedList();
    this.#copies = [0, 1].map(
      (node) => new SharedRevocations(this.#sourceOf(node), { staleness: STALENESS }),
    );
  }

  async #learn(): Promise<void> {
    await Promise.all(this.#copies.map((copy) => copy.sync()));
  }

  #written(actor: Actor, entry: Revocation, savedAt: number): void {
    const run = this.run!;
    (run.oracle as SealedOracle).revoked(actor, entry, this.#list.head, savedAt);
    if (this.#settings.asks) return;
    for (const [node, copy] of this.#copies.entries())
      run.notice(`node ${node} is notified`).then(
        () => copy.sync().catch(() => undefined),
        () => undefined,
      );
  }

  /** The list of one node: each call waits for the scheduler, before its effect and before its response. */
  #sourceOf(node: number): RevocationSource {
    const list = this.#list;
    return {
      changes: async (cursor) => {
        const read = () => list.changes(cursor, this.clock.now());
        const page = await this.run!.call(this.actors.getStore(), `list.changes on node ${node}`, read, node);
        this.#read[node] = page.cursor;
        return page;
      },
      add: (revocation) => {
        const actor = this.actors.getStore()!;
        const { savedAt } = actor;
        const write = () => list.add(revocation, (entry) => this.#written(actor, entry, savedAt));
        return this.run!.call(actor, `list.add ${this.#told(revocation)}`, write);
      },
      // What a notice does is done by the scheduler: a copy limits how often it does so, by the clock of the machine.
      listen: () => () => undefined,
    };
  }

  #told({ terms }: Revocation): string {
    if (terms.kind === 'session') return `${terms.why} ${this.run!.oracle.nameOf(terms.id)}`;
    return terms.only ? 'some of a subject' : 'all of a subject';
  }

  #newBackend(copy: SharedRevocations, node: number): SessionBackend<SealedHandle> {
    const { asks, indexed, enforces } = this.#settings;
    // A copy that is older than the staleness is read anew before each verdict.
    const list = listWith(copy, { lag: LAG, ...(asks && { fresh: () => copy.sync() }) });
    const index = gatedStore(this, methodsOf(this.#index), () => undefined, 'index.');
    const cookie = new SealedCookie({
      revocations: this.#sabotage.list?.(list, node) ?? list,
      enforceRotation: enforces,
      ...(indexed && { index: this.#sabotage.index?.(index) ?? index }),
    });
    const backend = cookie.createBackend(this.context()) as SessionBackend<SealedHandle>;
    return backendWith(backend, this.#sabotage.backend?.(backend) ?? {});
  }

  /** The backend of the present run, with the oracle as its witness. */
  #backendOf(node: number): SessionBackend<SealedHandle> {
    const backend = (): SessionBackend<SealedHandle> => this.#backends[node]!;
    const witness = (): SealedOracle => this.run!.oracle as SealedOracle;
    const actor = () => this.actors.getStore()!;
    return {
      cookieIsRecord: true,
      isGenuine: (...args) => backend().isGenuine(...args),
      now: () => backend().now(),
      proof: (subject) => backend().proof(subject),
      reload: (handle) => backend().reload(handle),
      present: (handle) => backend().present(handle),
      destroy: (...args) => backend().destroy(...args),
      list: (subject) => backend().list(subject),
      destroyById: (...args) => backend().destroyById(...args),
      destroyAll: (...args) => backend().destroyAll(...args),
      publish: (event) => backend().publish(event),
      subscribe: () => undefined,
      ping: () => backend().ping(),
      close: () => backend().close(),
      open: (value, client) => {
        const opened = backend().open(value, client);
        const see = (result: Awaited<typeof opened>) => {
          witness().openedOn(node, actor(), result);
          return result;
        };
        return opened instanceof Promise ? opened.then(see) : see(opened);
      },
      create: async (draft, ...rest) => {
        witness().creates(actor(), draft.id);
        const issued = await backend().create(draft, ...rest);
        witness().issues(actor(), issued.handle.content);
        return issued;
      },
      save: async (handle, ...rest) => {
        actor().savedAt = this.clock.now();
        const saved = await backend().save(handle, ...rest);
        if (saved.outcome === 'saved') witness().saved(actor(), handle.content, saved.handle.content);
        return saved;
      },
    };
  }

  async settle(oracle: Oracle, tokens: readonly Token[], subjects: readonly string[]): Promise<void> {
    const sealed = oracle as SealedOracle;
    await this.#learn();
    for (const token of tokens)
      for (const backend of this.#backends) {
        const opened = await backend.open(token.value, {});
        sealed.probed(token, opened.kind === 'live');
      }
    if (!this.#settings.indexed) return;
    const listed = new Set<string>();
    for (const subject of subjects)
      for (const { id } of await this.#index.list(subject)) {
        oracle.belongs(id, subject);
        listed.add(id);
      }
    sealed.settledWith(listed);
  }

  override async close(): Promise<void> {
    for (const backends of this.#known.values()) for (const backend of backends) await backend.close();
    this.#known.clear();
  }

  async tidy(_oracle: Oracle, subjects: readonly string[]): Promise<void> {
    for (const subject of subjects)
      for (const { id } of await this.#index.list(subject)) await this.#index.destroy(id);
  }
}
