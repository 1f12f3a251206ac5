import { inspect, type InspectOptions } from 'node:util';
import { SessionError } from '../util/errors.js';
import { byKey, keyShown } from '../util/texts.js';
import { keyName } from './data-checks.js';

/** The traps of the proxy that the application sees as `session.data`: a plain object without inherited properties. */
export abstract class DataProxyHandler implements ProxyHandler<Record<string, unknown>> {
  protected abstract hasKey(key: string): boolean;

  /** The value of a key that the data has. */
  protected abstract read(key: string): unknown;

  /** @param value `undefined` deletes the key */
  protected abstract assign(key: string, value: unknown): void;

  /** Throws if a change could no longer be stored. */
  protected abstract beforeChange(): void;

  abstract ownKeys(): string[];

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
    return typeof key === 'string' && this.hasKey(key) ? this.read(key) : Reflect.get(target, key);
  }

  has(target: object, key: string | symbol): boolean {
    return (typeof key === 'string' && this.hasKey(key)) || Reflect.has(target, key);
  }

  set(_target: object, key: string | symbol, value: unknown): boolean {
    this.beforeChange();
    this.assign(keyName(key), value);
    return true;
  }

  deleteProperty(_target: object, key: string | symbol): boolean {
    if (typeof key === 'string' && this.hasKey(key)) {
      this.beforeChange();
      this.assign(key, undefined);
    }
    return true;
  }

  defineProperty(target: object, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    if (!('value' in descriptor)) {
      throw new SessionError(
        'ERR_DATA_KEY',
        `session.data.${keyShown(String(key))}: an accessor cannot be stored. Assign its value.`,
      );
    }
    return this.set(target, key, descriptor.value);
  }

  getOwnPropertyDescriptor(_target: object, key: string | symbol): PropertyDescriptor | undefined {
    if (typeof key !== 'string' || !this.hasKey(key)) return undefined;
    return { value: this.read(key), writable: true, enumerable: true, configurable: true };
  }
}

export function proxyOf(handler: DataProxyHandler): Record<string, unknown> {
  return new Proxy<Record<string, unknown>>(Object.create(PROTOTYPE) as Record<string, unknown>, handler);
}

/**
 * The prototype of the proxy's target. It makes the data behave like a plain object in templates and in `util.inspect`,
 * which bypasses the proxy.
 */
const PROTOTYPE: object = Object.assign(byKey<unknown>(), {
  [Symbol.toPrimitive]: () => '[object Object]',
  [inspect.custom](this: object, depth: number, options: InspectOptions): string {
    try {
      return inspect(Object.fromEntries(Object.entries(this)), { ...options, depth });
    } catch {
      return '[unreadable session data]';
    }
  },
});
