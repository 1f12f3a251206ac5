import { Browser, type Answer, type Ask } from '../support/browser.js';

interface LoginBody {
  remember?: boolean;
  factor?: string;
  keep?: string[];
}

/** A browser that knows the routes. */
export class Client {
  readonly url: string;
  readonly #browser: Browser;
  readonly #name: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, cookieName: string, headers: Readonly<Record<string, string>>) {
    this.url = url;
    this.#browser = new Browser(url);
    this.#name = cookieName;
    this.#headers = headers;
  }

  /** The Cookie header that the next request has: what a thief copies. */
  get cookie(): string {
    return this.#browser.cookie;
  }

  /** The value of the session cookie, decoded. */
  get value(): string {
    return decodeURIComponent(valueOf(this.cookie, this.#name));
  }

  /** The Cookie header with another value for the session. */
  cookieWith(value: string): string {
    const text = /^[\x21\x23-\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/.test(value)
      ? value
      : encodeURIComponent(value);
    return this.cookie
      .split('; ')
      .map((pair) => (pair.startsWith(`${this.#name}=`) ? `${this.#name}=${text}` : pair))
      .join('; ');
  }

  get(path: string, ask: Ask = {}): Promise<Answer> {
    return this.#browser.get(path, this.#with(ask));
  }

  post(path: string, body: unknown = {}, ask: Ask = {}): Promise<Answer> {
    return this.#browser.post(path, body, this.#with(ask));
  }

  login(user: string, body: LoginBody = {}, ask?: Ask): Promise<Answer> {
    return this.post('/login', { user, ...body }, ask);
  }

  relogin(body: { subject?: string; factor?: string; fails?: boolean } = {}, ask?: Ask): Promise<Answer> {
    return this.post('/relogin', body, ask);
  }

  logout(ask?: Ask): Promise<Answer> {
    return this.post('/logout', {}, ask);
  }

  write(data: object, ask?: Ask): Promise<Answer> {
    return this.post('/data', data, ask);
  }

  async read(ask?: Ask): Promise<{ subject: string | null; data: Record<string, unknown> }> {
    const answer = await this.get('/look', ask);
    expect(answer.status).toBe(200);
    return answer.json();
  }

  async devices(ask?: Ask): Promise<{ id: string }[]> {
    const answer = await this.get('/devices', ask);
    expect(answer.status).toBe(200);
    return answer.json();
  }

  #with(ask: Ask): Ask {
    return { ...ask, headers: { ...this.#headers, ...ask.headers } };
  }
}

/** The value of the cookie of this name in a Cookie header or in a Set-Cookie, as it stands there. */
export function valueOf(header: string, name: string): string {
  const pairs = header.split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
}

/** The Set-Cookie headers of a response that are about the cookie of this name. */
export function setCookiesOf(answer: Answer, name: string): string[] {
  return answer.setCookies.filter((one) => one.startsWith(`${name}=`));
}

/** The Cookie header that a client has that obeys this response; `''` where it sets none or removes it. */
export function cookieFrom(answer: Answer, name: string): string {
  if (setCookiesOf(answer, name).every(removes)) return '';
  // A signature may be a cookie of its own, `session.sig`.
  const ours = answer.setCookies.filter((one) => one.startsWith(`${name}=`) || one.startsWith(`${name}.`));
  return ours.map((one) => one.split(';')[0]!).join('; ');
}

/** Whether a Set-Cookie deletes the cookie. */
export function removes(setCookie: string): boolean {
  return /;\s*max-age=0(;|$)/i.test(setCookie) || /;\s*expires=thu, 01[ -]jan[ -]1970/i.test(setCookie);
}
