import type { SessionStore } from 'nest-sessions';
import type { RecordDelta, SessionRecord } from 'nest-sessions/store';
import { ReferenceEngine, ReferenceStore } from '../../support/reference-store.js';

/** A store that is right but for one thing. */
export interface Mutant {
  /** What of the store it breaks. */
  breaks: keyof SessionStore;
  name: string;
  /** Titles of the cases that have to notice it, each of them. */
  noticedBy: string[];
  make(engine: ReferenceEngine): SessionStore;
}

/** Methods that take the place of those of a correct store; `was` are the correct ones. */
type Break = (was: ReferenceStore, store: ReferenceStore) => Partial<ReferenceStore>;

export function mutant(
  breaks: keyof SessionStore,
  name: string,
  noticedBy: string | string[],
  parts: Break,
): Mutant {
  return {
    breaks,
    name,
    noticedBy: [noticedBy].flat(),
    make: (engine) => {
      const store = new ReferenceStore(engine);
      return Object.assign(store, parts(correctOf(store), store));
    },
  };
}

/** The methods of the correct store, bound to one that may be broken. */
function correctOf(store: ReferenceStore): ReferenceStore {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(ReferenceStore.prototype, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : Reflect.get(target, key);
    },
  });
}

/** Breaks what a create stores. */
export const creating =
  (change: (record: SessionRecord) => SessionRecord): Break =>
  (was) => ({
    create: (record, ...rest) => was.create(change(record), ...rest),
  });

/** Breaks what a commit is told to do. */
export const committing =
  (change: (delta: RecordDelta, record: SessionRecord | undefined) => RecordDelta): Break =>
  (was, store) => ({
    commit: (id, delta) => was.commit(id, change(delta, store.live(id))),
  });

/** Breaks what a commit makes of a record. */
export const applying =
  (change: (next: SessionRecord, before: SessionRecord, delta: RecordDelta) => SessionRecord): Break =>
  (was) => ({
    apply: (record, delta) => change(was.apply(record, delta), record, delta),
  });

export const without = <T extends object, Key extends keyof T>(whole: T, ...keys: Key[]): T => {
  const rest = { ...whole };
  for (const key of keys) delete rest[key];
  return rest;
};

type Data = SessionRecord['data'];

export const mapData = (
  data: Data,
  change: (key: string, text: string) => [string, string] | undefined,
): Data =>
  Object.fromEntries(
    Object.entries(data).flatMap(([key, text]) => [change(key, text)].filter((one) => !!one)),
  );

/** As a store with a column of JSON would give it back. */
export const rewritten = (data: Data): Data =>
  mapData(data, (key, text) => [key, JSON.stringify(JSON.parse(text))]);

/** As a copy in a loop makes it: what is set under `__proto__` is no key. */
export function assigned(data: Data): Data {
  const copy: Record<string, string> = {};
  for (const [key, text] of Object.entries(data)) copy[key] = text;
  return copy;
}

export const cut = (data: Data): Data => mapData(data, (key, text) => [key, text.slice(0, 65_535)]);

export const firstHundred = (data: Data): Data => Object.fromEntries(Object.entries(data).slice(0, 100));

/** Lets others go on first, as a call to a server does. */
export const hop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
