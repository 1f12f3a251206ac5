import { deepFreeze } from './data-checks.js';

/**
 * The values of a session's data that the application holds, because it read or assigned them. Most requests hold none, so
 * each map is created on first use.
 */
export class HeldValues {
  /** `undefined` means deleted. */
  #values: Map<string, unknown> | undefined;
  /** Keys that may differ from the stored ones: assigned values, and objects that were read. */
  #watched: Map<string, 'read' | 'assigned'> | undefined;
  /** The JSON text of an object as the schema read it, where that is not the stored one: a default, say. */
  #asRead: Map<string, string> | undefined;

  has(key: string): boolean {
    return this.#values?.has(key) ?? false;
  }

  /** The value, or `undefined` if it is deleted or not held. */
  get(key: string): unknown {
    return this.#values?.get(key);
  }

  get keys(): Iterable<string> {
    return this.#values?.keys() ?? [];
  }

  get entries(): Iterable<[string, unknown]> {
    return this.#values ?? [];
  }

  /** Keys that may differ from the stored ones. */
  get watched(): Iterable<string> {
    return this.#watched?.keys() ?? [];
  }

  isWatched(key: string): boolean {
    return this.#watched?.has(key) ?? false;
  }

  assigned(key: string, value: unknown): void {
    this.#hold(key, value);
    this.#watch(key, 'assigned');
  }

  /** An object that was read may be changed in place, any other value only by an assignment. */
  read(key: string, value: unknown): void {
    this.#hold(key, value);
    if (typeof value === 'object' && value !== null) this.#watch(key, 'read');
  }

  /** @param text how JSON writes an object that the schema read */
  noteAsRead(key: string, text: string): void {
    (this.#asRead ??= new Map<string, string>()).set(key, text);
  }

  /** Whether JSON writes an object as it did when the schema had read it. */
  isAsRead(key: string, text: string): boolean {
    return this.#asRead?.get(key) === text;
  }

  /** All values, as they are now. */
  copy(): ReadonlyMap<string, unknown> {
    return new Map(this.#values);
  }

  /**
   * A commit has stored values.
   *
   * @param keys the keys that it wrote or removed
   * @param written the values that it was made of
   */
  settle(keys: readonly string[], written: ReadonlyMap<string, unknown> | undefined): void {
    for (const key of this.watched) {
      const value = this.get(key);
      // A value assigned during the commit is not written yet, and an object may change at any time.
      if (typeof value !== 'object' && written?.has(key) && Object.is(written.get(key), value))
        this.#watched?.delete(key);
    }
    for (const key of keys) this.#asRead?.delete(key);
  }

  /** Drops the value of a key. An object that was read is frozen, because changes of it would be lost. */
  forget(key: string): void {
    if (this.#watched?.get(key) === 'read') deepFreeze(this.get(key));
    this.#values?.delete(key);
    this.#watched?.delete(key);
    this.#asRead?.delete(key);
  }

  /** Drops all values. Changes of objects that were read have no effect. */
  clear(): void {
    this.#values = undefined;
    this.#watched = undefined;
    this.#asRead = undefined;
  }

  /** Freezes the objects that were read. */
  freeze(): void {
    for (const [key, how] of this.#watched ?? []) if (how === 'read') deepFreeze(this.get(key));
  }

  #hold(key: string, value: unknown): void {
    (this.#values ??= new Map<string, unknown>()).set(key, value);
  }

  #watch(key: string, how: 'read' | 'assigned'): void {
    (this.#watched ??= new Map<string, typeof how>()).set(key, how);
  }
}
