import { withoutValues } from '../storage/health/driver-error.js';
import { byKey } from '../util/texts.js';
import { assertReadBack, jsonText } from './data-json.js';
import { DataProxyHandler, proxyOf } from './data-proxy.js';
import { HeldValues } from './data-values.js';
import { readFitting, readWritten, sameJson, type DataParser } from './data-schema.js';

export type JsonByKey = Readonly<Record<string, string>>;

export interface DataHooks {
  /** Throws if a change could no longer be stored. */
  beforeChange(): void;
  /** Called if a stored value is not valid JSON. Must throw. */
  onCorrupt(key: string, cause: unknown): never;
  onDropped(keys: string[]): void;
  /** The class or schema of the option `data`. */
  parse: DataParser | undefined;
}

export interface DataPatch {
  set: Record<string, string>;
  remove: string[];
}

const EMPTY: JsonByKey = Object.freeze(byKey<string>());

/**
 * The data of one session. The application sees a plain object; internally it is JSON text by key. A key is parsed
 * when it is read, and compared at the commit only if it may have changed. A schema reads all keys at once.
 */
export class SessionBag extends DataProxyHandler {
  #stored: JsonByKey;
  readonly #held = new HeldValues();
  /** The stored values as the schema reads them, with its defaults. */
  #parsed: Record<string, unknown> | undefined;
  /** The patch that the last commit took, with the values it was made of. */
  #taken: { patch: DataPatch; values: ReadonlyMap<string, unknown> } | undefined;
  readonly #hooks: DataHooks;
  #proxy: Record<string, unknown> | undefined;

  constructor(stored: JsonByKey | undefined, hooks: DataHooks) {
    super();
    this.#stored = stored ?? EMPTY;
    this.#hooks = hooks;
  }

  get proxy(): Record<string, unknown> {
    if (this.#proxy) return this.#proxy;
    // What does not fit is dropped even if the application only writes.
    if (Object.keys(this.#stored).length > 0) this.#load();
    return (this.#proxy = proxyOf(this));
  }

  /**
   * The changes that a commit must write, or `undefined`. Serialises each value that may have changed once, and calls
   * the schema at most once.
   *
   * @throws SessionError `ERR_DATA_INVALID`, `ERR_DATA_NOT_SERIALIZABLE`
   */
  patch(): DataPatch | undefined {
    const patch = this.#difference();
    if (!patch) return undefined;
    this.#checkWritten(patch);
    this.#taken = { patch, values: this.#held.copy() };
    return patch;
  }

  /** Whether a commit would write or fail. Unlike {@link patch} it never throws and does not call the schema. */
  get changed(): boolean {
    try {
      return this.#difference() !== undefined;
    } catch {
      return true;
    }
  }

  /**
   * The current JSON text of the given keys, which a login or regenerate carries over.
   *
   * @throws SessionError `ERR_DATA_INVALID`, `ERR_DATA_NOT_SERIALIZABLE` for what a reader would not get as it is
   */
  carry(keys: readonly string[]): Record<string, string> {
    const carried = this.#textsOf(keys);
    const { parse } = this.#hooks;
    const changed = Object.keys(carried).filter((key) => carried[key] !== this.#storedText(key));
    if (parse && changed.length > 0)
      this.#assertReadAs(readWritten(parse, this.#plain(carried), changed), changed);
    return carried;
  }

  /** A commit has stored this patch. */
  settle(patch: DataPatch): void {
    this.#stored = patched(this.#stored, patch);
    const written = this.#taken?.patch === patch ? this.#taken.values : undefined;
    this.#taken = undefined;
    this.#held.settle([...Object.keys(patch.set), ...patch.remove], written);
  }

  /** Takes over what another request stored, and keeps the changes of this one. */
  rebase(stored: JsonByKey): void {
    const changes = this.#difference();
    const mine = new Set(changes ? [...Object.keys(changes.set), ...changes.remove] : []);
    for (const key of [...this.#held.keys]) {
      if (!mine.has(key) && textAt(stored, key) !== this.#storedText(key)) this.#held.forget(key);
    }
    this.#stored = stored;
    this.#parsed = undefined;
  }

  /** The stored value of one key, parsed separately from the value that the application holds. */
  stored(key: string): unknown {
    const { parse } = this.#hooks;
    if (parse) return readFitting(parse, this.#plain(this.#stored)).values[key];
    const text = this.#storedText(key);
    return text === undefined ? undefined : this.#parse(key, text);
  }

  /**
   * The JSON text of a value to be written at once, beside what the request has changed.
   *
   * @throws SessionError `ERR_DATA_NOT_SERIALIZABLE`, `ERR_DATA_INVALID`
   */
  textFor(key: string, value: unknown): string | undefined {
    if (value === undefined) return undefined;
    const { parse } = this.#hooks;
    const text = jsonText(key, value, parse !== undefined);
    if (parse) assertReadBack(key, value, this.#written(parse, key, text)[key]);
    return text;
  }

  /** Takes the place of new data, as if the application had assigned it. */
  restore(texts: JsonByKey): void {
    const values = this.#plain(texts);
    const { parse } = this.#hooks;
    const read = parse ? readFitting(parse, values).values : values;
    for (const key of Object.keys(texts)) this.assign(key, read[key]);
  }

  /** Takes over one key that is already stored. */
  accept(key: string, text: string | undefined): void {
    const stored = byKey(this.#stored);
    if (text === undefined) delete stored[key];
    else stored[key] = text;
    this.#stored = stored;
    this.#parsed = undefined;
    this.#held.forget(key);
  }

  /** Replaces all data. Objects that were read before are no longer part of the session. */
  reset(stored: JsonByKey): void {
    this.#stored = stored;
    this.#held.clear();
    this.#parsed = undefined;
    this.#taken = undefined;
  }

  /** From now on nothing can be stored. Freezes the objects that were read, so that changing them throws as well. */
  close(): void {
    this.#held.freeze();
  }

  override ownKeys(): string[] {
    const keys = new Set(Object.keys(this.#stored));
    for (const values of [Object.entries(this.#load() ?? {}), this.#held.entries]) {
      for (const [key, value] of values) {
        if (value === undefined) keys.delete(key);
        else keys.add(key);
      }
    }
    return [...keys];
  }

  protected override hasKey(key: string): boolean {
    if (this.#held.has(key)) return this.#held.get(key) !== undefined;
    const parsed = this.#load();
    return parsed ? parsed[key] !== undefined : Object.hasOwn(this.#stored, key);
  }

  protected override read(key: string): unknown {
    if (this.#held.has(key)) return this.#held.get(key);
    const parsed = this.#load();
    const text = this.#storedText(key);
    const value = parsed ? parsed[key] : text === undefined ? undefined : this.#parse(key, text);
    if (parsed && typeof value === 'object' && value !== null) this.#noteAsRead(key, value, text);
    this.#held.read(key, value);
    return value;
  }

  protected override assign(key: string, value: unknown): void {
    this.#held.assigned(key, value);
  }

  protected override beforeChange(): void {
    this.#hooks.beforeChange();
  }

  #parse(key: string, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      // V8 quotes the text in its error message.
      return this.#hooks.onCorrupt(key, withoutValues(error));
    }
  }

  #textsOf(keys: readonly string[]): Record<string, string> {
    const texts = byKey<string>();
    for (const key of keys) {
      const text = this.#held.isWatched(key) ? this.#textOf(key) : this.#storedText(key);
      if (text !== undefined) texts[key] = text;
    }
    return texts;
  }

  #storedText(key: string): string | undefined {
    return textAt(this.#stored, key);
  }

  #difference(): DataPatch | undefined {
    const set = byKey<string>();
    const remove: string[] = [];
    let changed = false;
    for (const key of this.#held.watched) {
      const text = this.#textOf(key);
      if (text === this.#storedText(key)) continue;
      changed = true;
      if (text === undefined) remove.push(key);
      else set[key] = text;
    }
    return changed ? { set, remove } : undefined;
  }

  /** An object that is as the schema read it counts as unchanged, whatever the stored text. */
  #textOf(key: string): string | undefined {
    const value = this.#held.get(key);
    if (value === undefined) return undefined;
    const text = jsonText(key, value, this.#hooks.parse !== undefined);
    return this.#held.isAsRead(key, text) ? this.#storedText(key) : text;
  }

  /** Remembers how JSON writes an object that the schema read, so that reading alone changes nothing. */
  #noteAsRead(key: string, value: object, text: string | undefined): void {
    if (text !== undefined && sameJson(this.#parse(key, text), value)) return;
    this.#held.noteAsRead(key, jsonText(key, value, true));
  }

  /** The stored values as the schema reads them. `undefined` without a schema. */
  #load(): Record<string, unknown> | undefined {
    const { parse } = this.#hooks;
    if (!parse || this.#parsed) return this.#parsed;
    const { values, dropped } = readFitting(parse, this.#plain(this.#stored));
    this.#parsed = values;
    const fresh = dropped.filter((key) => !this.#held.has(key));
    for (const key of fresh) this.#held.assigned(key, undefined);
    if (fresh.length > 0) this.#hooks.onDropped(fresh);
    return values;
  }

  #checkWritten(patch: DataPatch): void {
    const { parse } = this.#hooks;
    const changed = Object.keys(patch.set);
    if (!parse || changed.length === 0) return;
    const values = readWritten(parse, this.#plain(patched(this.#stored, patch)), [
      ...changed,
      ...patch.remove,
    ]);
    this.#assertReadAs(values, changed);
  }

  /** @param values what a reader would get */
  #assertReadAs(values: Record<string, unknown>, changed: readonly string[]): void {
    for (const key of changed) assertReadBack(key, this.#held.get(key), values[key]);
  }

  /** All data as a reader would get it once `text` is written under `key`. */
  #written(parse: DataParser, key: string, text: string): Record<string, unknown> {
    const all = this.#plain({ ...this.#textsOf(this.ownKeys()), [key]: text });
    return readWritten(parse, all, [key]);
  }

  #plain(texts: JsonByKey): Record<string, unknown> {
    return byKey(
      Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, this.#parse(key, text)])),
    );
  }
}

const textAt = (texts: JsonByKey, key: string): string | undefined =>
  Object.hasOwn(texts, key) ? texts[key] : undefined;

function patched(texts: JsonByKey, { set, remove }: DataPatch): JsonByKey {
  const next = byKey(texts, set);
  for (const key of remove) delete next[key];
  return next;
}
