import type { ResolvedCookie } from '../core/token/cookie.js';

/** What a request tells of its session's cookie, and asks of it. */
export interface CookieTerms {
  /** When a persistent cookie expires; `undefined` for one that ends with the browser. */
  readonly expires: Date | undefined;
  /** Milliseconds since the epoch. */
  now(): number;
  /** @param age milliseconds; `undefined` for a cookie that ends with the browser */
  ask(age: number | undefined): void;
  readonly attributes: ResolvedCookie;
}

/**
 * `req.session.cookie`. Its times can be set, to ask for a cookie that outlives the browser or does not; how long a session
 * lives is for the options of the module to say. Its attributes are those of the option `cookie`.
 */
export class PassportCookie {
  readonly #terms: CookieTerms;

  /** @internal */
  constructor(terms: CookieTerms) {
    this.#terms = terms;
  }

  /** When the cookie expires; `false` if it ends with the browser, and to have it so. */
  get expires(): Date | false {
    return this.#terms.expires ?? false;
  }

  set expires(value: Date | false | null | undefined) {
    this.#terms.ask(value ? new Date(value).getTime() - this.#terms.now() : undefined);
  }

  /** Milliseconds until the cookie expires; `null` if it ends with the browser, and to have it so. */
  get maxAge(): number | null {
    const { expires } = this.#terms;
    return expires ? expires.getTime() - this.#terms.now() : null;
  }

  set maxAge(value: number | false | null | undefined) {
    this.#terms.ask(typeof value === 'number' ? value : undefined);
  }

  /** As `maxAge`. */
  get originalMaxAge(): number | null {
    return this.maxAge;
  }

  /** Always true. */
  get httpOnly(): boolean {
    return true;
  }

  /** Of the option `cookie`. */
  get path(): string {
    return this.#terms.attributes.path;
  }

  /** Of the option `cookie`. */
  get domain(): string | undefined {
    return this.#terms.attributes.domain;
  }

  /** Of the option `cookie`. */
  get secure(): boolean {
    return this.#terms.attributes.secure;
  }

  /** Of the option `cookie`. */
  get sameSite(): string {
    return this.#terms.attributes.sameSite;
  }
}
