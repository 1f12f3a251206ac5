import { byKey } from '../core/util/texts.js';
import { PassportSession, type SessionActions } from './passport-session.js';

/** The key of the login. */
export const LOGIN_KEY = 'passport';

export type Values = Record<string, unknown>;

/** Where a view reads and writes. */
export interface SessionValues {
  /** The keys that have a value. */
  keys(): string[];
  get(key: string): unknown;
  /** @param value `undefined` removes the key */
  set(key: string, value: unknown): void;
}

/** One object that was `req.session`. It shows the session of the request until another takes its place. */
export class SessionView implements ProxyHandler<PassportSession> {
  readonly session: PassportSession;
  #values: SessionValues;

  constructor(values: SessionValues, actions: SessionActions) {
    this.#values = values;
    this.session = new Proxy(new PassportSession(actions), this);
  }

  /** From now on it shows what it had, as Passport reads it for `keepSessionInfo`. Nothing is stored of what is set. */
  retire(had: Values): void {
    const values = byKey(had);
    this.#values = {
      keys: () => Object.keys(values),
      get: (key) => values[key],
      set: (key, value) => void (values[key] = value),
    };
  }

  get(target: PassportSession, key: string | symbol): unknown {
    if (typeof key === 'symbol' || isMember(key)) return Reflect.get(target, key);
    const value = this.#values.get(key);
    return value === undefined ? Reflect.get(target, key) : value;
  }

  set(target: PassportSession, key: string | symbol, value: unknown): boolean {
    if (typeof key === 'symbol' || isMember(key)) return false;
    this.#values.set(key, value);
    return true;
  }

  deleteProperty(_target: PassportSession, key: string | symbol): boolean {
    if (this.#has(key)) this.#values.set(key, undefined);
    return true;
  }

  has(target: PassportSession, key: string | symbol): boolean {
    return this.#has(key) || Reflect.has(target, key);
  }

  defineProperty(target: PassportSession, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    return 'value' in descriptor && this.set(target, key, descriptor.value);
  }

  ownKeys(): string[] {
    return this.#values.keys();
  }

  getOwnPropertyDescriptor(_target: PassportSession, key: string | symbol): PropertyDescriptor | undefined {
    if (!this.#has(key)) return undefined;
    return { value: this.#values.get(key), writable: true, enumerable: true, configurable: true };
  }

  #has(key: string | symbol): key is string {
    return typeof key === 'string' && this.#values.get(key) !== undefined;
  }
}

/** Methods and properties of the class come before data of the same name. */
const isMember = (key: string): boolean => Object.hasOwn(PassportSession.prototype, key);
