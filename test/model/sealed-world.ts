import { createSecretKey } from 'node:crypto';
import { MemoryStore, type SessionStore } from 'nest-sessions';
import { SealedCookie, type RevocationList } from 'nest-sessions/sealed';
import type { SessionEngine } from '../../lib/core/engine.js';
import type { SessionBackend } from '../../lib/core/storage/backend.js';
import { SharedRevocations, type RevocationSource } from '../../lib/revocations/replicated.js';
import type { Revocation } from '../../lib/revocations/revocation-list.js';
import { CookieSealer } from '../../lib/stores/sealed/cookie-sealer.js';
import { SealedFormat } from '../../lib/stores/sealed/formats/sealed.js';
import type { SealedHandle } from '../../lib/stores/sealed/handle.js';
import type { Content } from '../../lib/stores/sealed/payload.js';
import { backendWith, listWith } from './delegates.js';
import { gatedStore, methodsOf } from './gate.js';
import type { Actor, Oracle, Token } from './oracle.js';
import type { Scenario, SealedSettings } from './scenario.js';
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
}

/** The nodes read the list at notices, or before each verdict. Long enough that no copy is too old. */
const STALENESS = '1h';

/** Notices in a run, at most: after some more in a row a node takes its time, by the clock of the machine. */
const NOTICES = 20;

/** Two nodes with sealed cookies, which share a list of revocations and, in some of the runs, an index. */
export class SealedWorld extends World {
  nodes: readonly SessionEngine[] = [];
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
  #listeners: (() => void)[] = [];
  #notices = 0;

  constructor(sabotage: SealedSabotage = {}) {
    super();
    this.#sabotage = sabotage;
    this.#index.bind(this.context());
  }

  oracle(): Oracle {
    return new SealedOracle(
      () => this.clock.now(),
      () => this.#list.head,
      (token) => this.#contentOf(token.value),
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
    this.#list = new SharedList();
    this.#listeners = [];
    this.#notices = 0;
    this.#copies = [0, 1].map((node) => this.#copyOf(node));
    this.nodes = this.#copies.map((copy, node) => this.#node(copy, node));
    await this.#learn();
  }

  async #learn(): Promise<void> {
    await Promise.all(this.#copies.map((copy) => copy.sync()));
  }

  #written(actor: Actor, entry: Revocation): void {
    const run = this.run!;
    (run.oracle as SealedOracle).revoked(actor, entry, this.#list.head);
    if (this.#settings.asks || ++this.#notices > NOTICES) return;
    for (const [node, notify] of this.#listeners.entries())
      run.notice(`node ${node} is notified`).then(notify, () => undefined);
  }

  #copyOf(node: number): SharedRevocations {
    return new SharedRevocations(this.#sourceOf(node), { staleness: STALENESS });
  }

  /** The list of one node: each call waits for the scheduler, before its effect and before its response. */
  #sourceOf(node: number): RevocationSource {
    const list = this.#list;
    return {
      changes: async (cursor) => {
        const read = () => list.changes(cursor, this.clock.now());
        const page = await this.run!.call(this.actors.getStore(), `list.changes on node ${node}`, read, node);
        (this.run!.oracle as SealedOracle).known[node] = page.cursor;
        return page;
      },
      add: (revocation) => {
        const actor = this.actors.getStore()!;
        const write = () => list.add(revocation, (entry) => this.#written(actor, entry));
        return this.run!.call(actor, `list.add ${this.#told(revocation)}`, write);
      },
      listen: (onNotice) => {
        this.#listeners.push(onNotice);
        return () => undefined;
      },
    };
  }

  #told({ terms }: Revocation): string {
    if (terms.kind === 'session') return `${terms.why} ${this.run!.oracle.nameOf(terms.id)}`;
    return terms.only ? 'some of a subject' : 'all of a subject';
  }

  #node(copy: SharedRevocations, node: number): SessionEngine {
    const { asks, indexed, enforces } = this.#settings;
    // A copy that is older than the staleness is read anew before each verdict.
    const list = asks ? listWith(copy, { fresh: () => copy.sync() }) : copy;
    const index = gatedStore(this, methodsOf(this.#index), () => undefined, 'index.');
    const cookie = new SealedCookie({
      revocations: this.#sabotage.list?.(list, node) ?? list,
      enforceRotation: enforces,
      ...(indexed && { index: this.#sabotage.index?.(index) ?? index }),
    });
    const backend = cookie.createBackend(this.context()) as SessionBackend<SealedHandle>;
    const changed = backendWith(backend, this.#sabotage.backend?.(backend) ?? {});
    return this.engineOver(this.#witnessed(changed, node) as SessionBackend);
  }

  #witnessed(backend: SessionBackend<SealedHandle>, node: number): SessionBackend<SealedHandle> {
    const witness = (): SealedOracle => this.run!.oracle as SealedOracle;
    const actor = () => this.actors.getStore()!;
    return backendWith(backend, {
      open: (value, client) => {
        const opened = backend.open(value, client);
        const see = (result: Awaited<typeof opened>) => {
          witness().openedOn(node, actor(), result);
          return result;
        };
        return opened instanceof Promise ? opened.then(see) : see(opened);
      },
      create: async (draft, ...rest) => {
        witness().creates(actor(), draft.id);
        const issued = await backend.create(draft, ...rest);
        witness().issues(actor(), issued.handle.content);
        return issued;
      },
      save: async (handle, ...rest) => {
        actor().savedAt = this.clock.now();
        const saved = await backend.save(handle, ...rest);
        if (saved.outcome === 'saved') witness().saved(actor(), handle.content, saved.handle.content);
        return saved;
      },
    });
  }

  async settle(oracle: Oracle, tokens: readonly Token[], subjects: readonly string[]): Promise<void> {
    const sealed = oracle as SealedOracle;
    // The nodes learn of everything, and so does one that starts now.
    await this.#learn();
    const list = this.#copyOf(2);
    const probe = new SealedCookie({ revocations: list }).createBackend(this.context());
    await list.sync();
    for (const token of tokens) {
      const opened = await probe.open(token.value, {});
      sealed.probed(token, opened.kind === 'live');
    }
    await probe.close();
    if (!this.#settings.indexed) return;
    const listed = new Set<string>();
    for (const subject of subjects)
      for (const { id } of await this.#index.list(subject)) {
        oracle.belongs(id, subject);
        listed.add(id);
      }
    sealed.settledWith(listed);
  }

  async tidy(_oracle: Oracle, subjects: readonly string[]): Promise<void> {
    for (const subject of subjects)
      for (const { id } of await this.#index.list(subject)) await this.#index.destroy(id);
    await Promise.all(this.nodes.map(async (node) => node.close()));
  }
}
