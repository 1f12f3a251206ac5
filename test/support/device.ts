import { createHash, sign as signWith, type JsonWebKey, type KeyObject } from 'node:crypto';
import { Browser, type Answer, type Ask } from './browser.js';
import { ecKeyPair } from './key-pair.js';

export const DEVICE_PATH = '/session/device';
export const REFRESH_PATH = '/session/device/refresh';
export const BOUND_COOKIE = '__Host-session-bound';

/** What a JWT is made of, before it is encoded. */
export interface Parts {
  header: Record<string, unknown>;
  payload: unknown;
}

const encoded = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A key of P-256 as a device keeps it, and the JWTs that it signs. Written for the specs: nothing of it is the library's. */
export class DeviceSigner {
  readonly publicJwk: JsonWebKey;
  readonly #privateKey: KeyObject;

  constructor(curve = 'P-256') {
    const { publicKey, privateKey } = ecKeyPair(curve);
    this.publicJwk = publicKey.export({ format: 'jwk' });
    this.#privateKey = privateKey;
  }

  get thumbprint(): string {
    const { crv, kty, x, y } = this.publicJwk;
    return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  }

  sign({ header, payload }: Parts): string {
    const text = `${encoded(header)}.${encoded(payload)}`;
    const signature = signWith('sha256', Buffer.from(text), {
      key: this.#privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return `${text}.${signature.toString('base64url')}`;
  }

  /** @param change of the header, after which the key still signs */
  registration(challenge: string, change: Record<string, unknown> = {}): string {
    const header = { alg: 'ES256', typ: 'dbsc+jwt', jwk: this.publicJwk, ...change };
    return this.sign({ header, payload: { jti: challenge } });
  }

  refresh(challenge: string, change: Record<string, unknown> = {}): string {
    return this.sign({ header: { alg: 'ES256', typ: 'dbsc+jwt', ...change }, payload: { jti: challenge } });
  }
}

/** Of a response to a login. */
export function registrationIn({ headers }: Answer): { path: string; challenge: string; algorithms: string } {
  const header = headers['secure-session-registration'];
  const match = /^\(([\w ]+)\);path="([^"]+)";challenge="([^"]+)"$/.exec(String(header));
  if (!match) throw new Error(`no registration in ${header}`);
  return { algorithms: match[1]!, path: match[2]!, challenge: match[3]! };
}

/** Of a refusal, or ahead. */
export function challengeIn({ headers }: Answer): { challenge: string; id: string } {
  const header = headers['secure-session-challenge'];
  const match = /^"([^"]+)";id="([^"]+)"$/.exec(String(header));
  if (!match) throw new Error(`no challenge in ${header}`);
  return { challenge: match[1]!, id: match[2]! };
}

/** A browser that binds its sessions, as Chromium does it: a cookie jar, a key, and what the server has told of the session. */
export class BindingBrowser extends Browser {
  readonly device = new DeviceSigner();
  /** The session that it has bound. */
  sessionId = '';
  /** The latest challenge. */
  challenge = '';
  /** The latest response to a login. */
  loggedIn!: Answer;

  async login(body: Record<string, unknown> = { user: 'alice' }): Promise<Answer> {
    this.loggedIn = await this.post('/login', body);
    return this.loggedIn;
  }

  /** Logs in and binds. */
  async bind(body?: Record<string, unknown>): Promise<Answer> {
    await this.login(body);
    return this.register(this.device.registration(registrationIn(this.loggedIn).challenge));
  }

  async register(jwt: string | undefined, ask: Ask = {}): Promise<Answer> {
    const answer = await this.post(DEVICE_PATH, undefined, {
      ...ask,
      headers: { ...(jwt !== undefined && { 'secure-session-response': jwt }), ...ask.headers },
    });
    this.#note(answer);
    return answer;
  }

  /** One request to refresh, with this proof. */
  async ask(jwt?: string, ask: Ask = {}): Promise<Answer> {
    const answer = await this.post(REFRESH_PATH, undefined, {
      ...ask,
      headers: {
        'sec-secure-session-id': this.sessionId,
        ...(jwt !== undefined && { 'secure-session-response': jwt }),
        ...ask.headers,
      },
    });
    this.#note(answer);
    return answer;
  }

  /** As the browser does it: asks for a challenge, and signs it. Returns the last response. */
  async refresh(): Promise<Answer> {
    const first = await this.ask();
    return first.status === 403 ? this.ask(this.device.refresh(challengeIn(first).challenge)) : first;
  }

  /** The Cookie header without the bound cookie. */
  get unbound(): string {
    return without(this.cookie, BOUND_COOKIE);
  }

  /** The value of the bound cookie. */
  get boundCookie(): string | undefined {
    return valueIn(this.cookie, BOUND_COOKIE);
  }

  #note(answer: Answer): void {
    if (answer.headers['secure-session-challenge'] !== undefined)
      this.challenge = challengeIn(answer).challenge;
    if (answer.status !== 200 || !answer.body.includes('credentials')) return;
    this.sessionId = answer.json<{ session_identifier: string }>().session_identifier;
  }
}

export const without = (cookies: string, name: string): string =>
  cookies
    .split('; ')
    .filter((pair) => !pair.startsWith(`${name}=`))
    .join('; ');

export const valueIn = (cookies: string, name: string): string | undefined =>
  cookies
    .split('; ')
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1);
