import { inspect } from 'node:util';

/** The login of a request, as `req.session.passport` reads and sets it. */
export interface LoginUser {
  user: unknown;
}

/** `util.inspect` looks at the target of a proxy, which has no user. */
class LoginSlot implements LoginUser {
  declare user: unknown;

  [inspect.custom](): object {
    return { ...this };
  }
}

class SlotHandler implements ProxyHandler<LoginUser> {
  readonly #login: LoginUser;

  constructor(login: LoginUser) {
    this.#login = login;
  }

  get(target: LoginUser, key: string | symbol): unknown {
    return key === 'user' ? this.#login.user : Reflect.get(target, key);
  }

  set(_target: LoginUser, key: string | symbol, value: unknown): boolean {
    if (key !== 'user') return false;
    this.#login.user = value;
    return true;
  }

  deleteProperty(_target: LoginUser, key: string | symbol): boolean {
    if (key === 'user') this.#login.user = undefined;
    return true;
  }

  has(target: LoginUser, key: string | symbol): boolean {
    return key === 'user' ? this.#login.user !== undefined : Reflect.has(target, key);
  }

  ownKeys(): string[] {
    return this.#login.user === undefined ? [] : ['user'];
  }

  getOwnPropertyDescriptor(_target: LoginUser, key: string | symbol): PropertyDescriptor | undefined {
    if (key !== 'user' || this.#login.user === undefined) return undefined;
    return { value: this.#login.user, writable: true, enumerable: true, configurable: true };
  }
}

/**
 * `req.session.passport`: an object whose only property is `user`. Passport sets it for a login, and deletes it for a logout,
 * which only a proxy sees.
 */
export const loginSlot = (login: LoginUser): LoginUser => new Proxy(new LoginSlot(), new SlotHandler(login));
