import { inspect, type InspectOptions } from 'node:util';
import { withoutValues } from '../storage/driver-error.js';
import { SessionError } from '../util/errors.js';
import { byKey, UNKEEPABLE } from '../util/texts.js';

export type JsonByKey = Readonly<Record<string, string>>;

/** Returns the top-level keys whose values are invalid. */
export type DataValidator = (data: Record<string, unknown>) => string[];

export interface DataHooks {
  /** Throws if a change could no longer be stored. */
  beforeChange(): void;
  /** Called if a stored value is not valid JSON. Must throw. */
  onCorrupt(key: string, cause: unknown): never;
  onDropped(keys: string[]): void;
  validate: DataValidator | undefined;
}

export interface DataPatch {
  set: Record<string, string>;
  remove: string[];
}

const EMPTY: JsonByKey = Object.freeze(byKey<string>());

/**
 * The data of one session. The application sees a plain object; internally it is JSON text by key. A key is parsed
 * when it is read, and compared at the commit only if it may have changed.
 */
export class SessionBag implements ProxyHandler<Record<string, unknown>> {
  #stored: JsonByKey;
  /** The values that were read or assigned; `undefined` stands for deleted. */
  #values: Map<string, unknown> | undefined;
  /** Keys that may differ from the stored ones: assigned values, and objects that were read. */
  #watched: Map<string, 'read' | 'assigned'> | undefined;
  /** The patch that the last commit took, with the values it was made of. */
  #taken: { patch: DataPatch; values: ReadonlyMap<string, unknown> } | undefined;
  readonly #hooks: DataHooks;
  #proxy: Record<string, unknown> | undefined;

  constructor(stored: JsonByKey | undefined, hooks: DataHooks) {
    this.#stored = stored ?? EMPTY;
    this.#hooks = hooks;
  }

  get proxy(): Record<string, unknown> {
    return (this.#proxy ??= this.#open());
  }

  /**
   * The changes that a commit has to write, or `undefined`. Serialises each value that may have changed once, and calls
   * the validator at most once.
   *
   * @throws SessionError `ERR_DATA_INVALID`, `ERR_DATA_NOT_SERIALIZABLE`
   */
  patch(): DataPatch | undefined {
    const patch = this.#difference();
    if (!patch) return undefined;
    this.#rejectInvalid(patch);
    this.#taken = { patch, values: new Map(this.#values) };
    return patch;
  }

  /** Whether a commit would write or fail. Unlike {@link patch} it never throws and does not call the validator. */
  get changed(): boolean {
    try {
      return this.#difference() !== undefined;
    } catch {
      return true;
    }
  }

  /** The current JSON text of the given keys, which a login or regenerate carries over. */
  carry(keys: readonly string[]): Record<string, string> {
    const carried = byKey<string>();
    for (const key of keys) {
      const text = this.#watched?.has(key) ? this.#textOf(key) : this.#storedText(key);
      if (text !== undefined) carried[key] = text;
    }
    return carried;
  }

  /** A commit has stored this patch. */
  settle(patch: DataPatch): void {
    const stored = byKey(this.#stored, patch.set);
    for (const key of patch.remove) delete stored[key];
    this.#stored = stored;
    const written = this.#taken?.patch === patch ? this.#taken.values : undefined;
    this.#taken = undefined;
    for (const key of this.#watched?.keys() ?? []) {
      const value = this.#values?.get(key);
      // A value assigned during the commit is not written yet, and an object may change at any time.
      if (typeof value !== 'object' && written?.has(key) && Object.is(written.get(key), value))
        this.#watched?.delete(key);
    }
  }

  /** Takes over what another request stored, and keeps the changes of this one. */
  rebase(stored: JsonByKey): void {
    const changes = this.#difference();
    const mine = new Set(changes ? [...Object.keys(changes.set), ...changes.remove] : []);
    for (const key of [...(this.#values?.keys() ?? [])]) {
      if (!mine.has(key) && textAt(stored, key) !== this.#storedText(key)) this.#forget(key);
    }
    this.#stored = stored;
  }

  /** The stored value of one key, parsed separately from the value that the application holds. */
  stored(key: string): unknown {
    const text = this.#storedText(key);
    return text === undefined ? undefined : this.#parse(key, text);
  }

  /** @throws SessionError `ERR_DATA_INVALID` if the validator rejects this value for this key */
  assertValid(key: string, text: string | undefined): void {
    const { validate } = this.#hooks;
    if (!validate || text === undefined) return;
    const all = this.#plain(this.carry(this.ownKeys()));
    all[key] = this.#parse(key, text);
    if (validate(all).includes(key)) throw invalid([key]);
  }

  /** Takes over one key that is already stored. */
  accept(key: string, text: string | undefined): void {
    const stored = byKey(this.#stored);
    if (text === undefined) delete stored[key];
    else stored[key] = text;
    this.#stored = stored;
    this.#forget(key);
  }

  /** Replaces all data. Objects that were read before are no longer part of the session. */
  reset(stored: JsonByKey): void {
    this.#stored = stored;
    this.#values = undefined;
    this.#watched = undefined;
    this.#taken = undefined;
  }

  /** From now on nothing can be stored. Freezes the objects that were read, so that changing them throws as well. */
  close(): void {
    if (!this.#watched) return;
    for (const [key, how] of this.#watched) {
      if (how === 'read') freeze(this.#values?.get(key));
    }
  }

  /** The data has no prototype, so that inherited properties are never taken for data. */
  getPrototypeOf(): null {
    return null;
  }

  setPrototypeOf(_target: object, prototype: object | null): boolean {
    return prototype === null;
  }

  /** Frozen data could not show what another request writes. */
  preventExtensions(): boolean {
    return false;
  }

  get(target: object, key: string | symbol): unknown {
    return typeof key === 'string' && this.#has(key) ? this.#read(key) : Reflect.get(target, key);
  }

  has(target: object, key: string | symbol): boolean {
    return (typeof key === 'string' && this.#has(key)) || Reflect.has(target, key);
  }

  set(_target: object, key: string | symbol, value: unknown): boolean {
    this.#hooks.beforeChange();
    this.#keep(keyName(key), value, 'assigned');
    return true;
  }

  deleteProperty(_target: object, key: string | symbol): boolean {
    if (typeof key === 'string' && this.#has(key)) {
      this.#hooks.beforeChange();
      this.#keep(key, undefined, 'assigned');
    }
    return true;
  }

  defineProperty(target: object, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    if (!('value' in descriptor)) {
      throw new SessionError(
        'ERR_DATA_KEY',
        `session.data.${String(key)}: an accessor cannot be stored. Assign its value.`,
      );
    }
    return this.set(target, key, descriptor.value);
  }

  ownKeys(): string[] {
    const keys = new Set(Object.keys(this.#stored));
    for (const [key, value] of this.#values ?? []) {
      if (value === undefined) keys.delete(key);
      else keys.add(key);
    }
    return [...keys];
  }

  getOwnPropertyDescriptor(_target: object, key: string | symbol): PropertyDescriptor | undefined {
    if (typeof key !== 'string' || !this.#has(key)) return undefined;
    return { value: this.#read(key), writable: true, enumerable: true, configurable: true };
  }

  #open(): Record<string, unknown> {
    this.#dropInvalid();
    return new Proxy<Record<string, unknown>>(Object.create(SHOWN) as Record<string, unknown>, this);
  }

  #has(key: string): boolean {
    return this.#values?.has(key) ? this.#values.get(key) !== undefined : Object.hasOwn(this.#stored, key);
  }

  #read(key: string): unknown {
    if (this.#values?.has(key)) return this.#values.get(key);
    const value = this.#parse(key, this.#stored[key]!);
    this.#keep(key, value, typeof value === 'object' && value !== null ? 'read' : undefined);
    return value;
  }

  #keep(key: string, value: unknown, how: 'read' | 'assigned' | undefined): void {
    (this.#values ??= new Map<string, unknown>()).set(key, value);
    if (how) (this.#watched ??= new Map<string, typeof how>()).set(key, how);
  }

  /** Drops the value of a key. An object that was read is frozen, because changes of it would be lost. */
  #forget(key: string): void {
    if (this.#watched?.get(key) === 'read') freeze(this.#values?.get(key));
    this.#values?.delete(key);
    this.#watched?.delete(key);
  }

  #parse(key: string, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      // V8 quotes the text in its error message.
      return this.#hooks.onCorrupt(key, withoutValues(error));
    }
  }

  #storedText(key: string): string | undefined {
    return textAt(this.#stored, key);
  }

  #difference(): DataPatch | undefined {
    if (!this.#watched) return undefined;
    const set = byKey<string>();
    const remove: string[] = [];
    let changed = false;
    for (const key of this.#watched.keys()) {
      const text = this.#textOf(key);
      if (text === this.#storedText(key)) continue;
      changed = true;
      if (text === undefined) remove.push(key);
      else set[key] = text;
    }
    return changed ? { set, remove } : undefined;
  }

  #textOf(key: string): string | undefined {
    const value = this.#values?.get(key);
    if (value === undefined) return undefined;
    return jsonText(key, value);
  }

  #dropInvalid(): void {
    const keys = Object.keys(this.#stored);
    if (keys.length === 0) return;
    const invalid = this.#invalid(keys, this.#stored);
    if (invalid.length === 0) return;
    for (const key of invalid) this.#keep(key, undefined, 'assigned');
    this.#hooks.onDropped(invalid);
  }

  #rejectInvalid({ set, remove }: DataPatch): void {
    const changed = Object.keys(set);
    if (changed.length === 0) return;
    const texts = byKey(this.#stored, set);
    for (const key of remove) delete texts[key];
    const keys = this.#invalid(changed, texts);
    if (keys.length > 0) throw invalid(keys);
  }

  /** Which of `keys` the validator rejects. It sees all data, since values may depend on each other. */
  #invalid(keys: string[], texts: JsonByKey): string[] {
    const { validate } = this.#hooks;
    if (!validate) return [];
    const rejected = new Set(validate(this.#plain(texts)));
    return keys.filter((key) => rejected.has(key));
  }

  /** All data as it would be loaded from the store: a Date, for example, is a string then. */
  #plain(texts: JsonByKey): Record<string, unknown> {
    // Validators expect a plain object. `fromEntries` defines properties, so a key "__proto__" cannot set the prototype.
    return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, this.#parse(key, text)]));
  }
}

/**
 * The prototype of the proxy's target. It makes the data behave like a plain object in templates and in `util.inspect`,
 * which bypasses the proxy.
 */
const SHOWN: object = Object.assign(byKey<unknown>(), {
  [Symbol.toPrimitive]: (hint: string) => (hint === 'number' ? NaN : '[object Object]'),
  [inspect.custom](this: object, depth: number, options: InspectOptions): string {
    try {
      return inspect(Object.fromEntries(Object.entries(this)), { ...options, depth });
    } catch {
      return '[unreadable session data]';
    }
  },
});

const textAt = (texts: JsonByKey, key: string): string | undefined =>
  Object.hasOwn(texts, key) ? texts[key] : undefined;

/** @throws SessionError `ERR_DATA_INVALID` or `ERR_DATA_KEY` if the value cannot be assigned to `session.data` */
export function assertDataObject(value: unknown): asserts value is Record<string, unknown> {
  // Excludes a Map or a promise that was not awaited: their own keys are not their contents.
  if (Object.prototype.toString.call(value) !== '[object Object]') {
    throw new SessionError(
      'ERR_DATA_INVALID',
      'session.data: assign an object of values by key, such as { cart }, or {} to clear it.',
    );
  }
  for (const key of Object.keys(value as object)) keyName(key);
}

function invalid(keys: string[]): SessionError {
  return new SessionError(
    'ERR_DATA_INVALID',
    `session.data: ${keys.join(', ')} ${keys.length > 1 ? 'do' : 'does'} not fit the class or schema of the option "data". Validate input before you store it in the session.`,
  );
}

/**
 * The JSON text of a value to be stored under `key`.
 *
 * @throws SessionError `ERR_DATA_NOT_SERIALIZABLE`
 */
export function jsonText(key: string, value: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    cause = error;
  }
  if (text === undefined) {
    throw new SessionError(
      'ERR_DATA_NOT_SERIALIZABLE',
      `session.data.${key} cannot be written as JSON. Store plain values: strings, numbers, booleans, arrays and objects of these.`,
      { cause },
    );
  }
  return text;
}

/**
 * Checks a key of the data. "__proto__" is rejected because it could set a prototype, here or in other readers of the
 * store.
 *
 * @throws SessionError `ERR_DATA_KEY`
 */
export function keyName(key: string | symbol): string {
  if (typeof key === 'symbol' || key === '__proto__' || key === '' || UNKEEPABLE.test(key)) {
    throw new SessionError(
      'ERR_DATA_KEY',
      `session.data: ${JSON.stringify(String(key))} cannot be a key. Use a non-empty string other than "__proto__", without NUL or lone surrogates.`,
    );
  }
  return key;
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const child of Object.values(value)) freeze(child);
}
