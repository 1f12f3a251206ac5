import { CheckError } from '../errors.js';
import { atPointer, inTag } from '../http/find.js';
import { isDeletion } from '../http/set-cookie.js';
import { isUntrusted, type Client, type Outgoing, type Reply } from '../http/client.js';
import type { AttackConfig, CsrfSource, RequestTemplate, User } from '../config/config.js';
import { decoded, type Secrets } from './secrets.js';
import { fillRequest, meets, type Values } from './templates.js';

/** One request of a check, without anything secret: the path is that of the template. */
export interface Step {
  method: string;
  path: string;
  status: number;
  note?: string;
}

/** What all visitors share. */
export interface Surroundings {
  readonly config: AttackConfig;
  readonly client: Client;
  readonly secrets: Secrets;
  readonly steps: Step[];
}

export interface Sending {
  values?: Values;
  /** What it shows, for the report. */
  note?: string;
  /** In the place of the headers that a page of the application sends. */
  from?: Readonly<Record<string, string>>;
  /** In the place of the cookies of the jar; what the response sets is not kept then. */
  cookie?: string;
  /** Added to the path, and not shown. */
  query?: string;
  /** More headers, and fields of the body. */
  headers?: Readonly<Record<string, string>>;
  fields?: Values;
  fresh?: boolean;
  headOnly?: boolean;
  /** Without the token against CSRF, which another site cannot have. */
  withoutCsrf?: boolean;
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A browser with its cookies, or somebody who has copied them. */
export class Visitor {
  readonly cookies: Map<string, string>;
  /** What was received, for checks that look at every response. */
  readonly replies: Reply[] = [];
  /** The cookies after each response. */
  readonly history: ReadonlyMap<string, string>[] = [];

  constructor(
    private readonly around: Surroundings,
    readonly user: User,
    cookies: ReadonlyMap<string, string> = new Map(),
  ) {
    this.cookies = new Map(cookies);
  }

  /** Somebody else with the same cookies, as they are now. */
  copy(): Visitor {
    return new Visitor(this.around, this.user, this.cookies);
  }

  login(sending: Sending = {}): Promise<Reply> {
    return this.send(this.around.config.login, sending);
  }

  logout(sending: Sending = {}): Promise<Reply> {
    return this.send(this.around.config.logout, sending);
  }

  read(sending: Sending = {}): Promise<Reply> {
    return this.send(this.around.config.read, sending);
  }

  /** Whether the cookies open a session of this user. @throws CheckError where the target fails, which says neither */
  async isLoggedIn(sending: Sending = {}): Promise<boolean> {
    const reply = await this.read(sending);
    if (reply.status >= 500 || reply.status === 429)
      throw new CheckError(`The target responds with ${reply.status} to a read.`);
    return meets(reply, this.around.config.read.loggedIn, this.user);
  }

  async send(template: RequestTemplate, sending: Sending = {}): Promise<Reply> {
    const { config, steps } = this.around;
    const safe = SAFE.has(template.method);
    const csrf = safe || sending.withoutCsrf ? undefined : config.csrf;
    const token = csrf && { ...csrf.to, value: await this.#csrfToken(csrf) };
    const added = token && 'field' in token ? { [token.field]: token.value } : {};
    const values = { ...this.user, ...sending.values };
    const filled = fillRequest(template, values, { ...added, ...sending.fields });
    const cookie = sending.cookie ?? this.#cookieHeader();
    const outgoing: Outgoing = {
      method: template.method,
      path: withQuery(filled.path, sending.query),
      headers: {
        accept: 'application/json, text/html;q=0.9, */*;q=0.8',
        ...(sending.from ?? this.#ownPage(safe)),
        ...filled.headers,
        ...(token && 'header' in token && { [token.header.toLowerCase()]: token.value }),
        ...sending.headers,
        ...(cookie !== '' && { cookie }),
      },
      ...(filled.body !== undefined && { body: filled.body }),
      fresh: sending.fresh ?? false,
      headOnly: sending.headOnly ?? false,
    };
    const step: Step = { method: template.method, path: shown(template.path), status: 0 };
    if (sending.note !== undefined) step.note = sending.note;
    steps.push(step);
    const reply = await this.#reply(outgoing, step);
    step.status = reply.status;
    this.#keep(reply, sending.cookie === undefined);
    return reply;
  }

  async #reply(outgoing: Outgoing, step: Step): Promise<Reply> {
    try {
      return await this.around.client.send(outgoing);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const remedy = isUntrusted(error)
        ? '. Set NODE_EXTRA_CA_CERTS to its certificate; --insecure accepts that of loopback.'
        : '';
      throw new CheckError(`${step.method} ${step.path}: ${message}${remedy}`);
    }
  }

  #keep(reply: Reply, jar: boolean): void {
    const now = Date.now();
    for (const cookie of reply.setCookies) {
      this.around.secrets.add(cookie.value);
      if (!jar) continue;
      if (isDeletion(cookie, now)) this.cookies.delete(cookie.name);
      else this.cookies.set(cookie.name, cookie.value);
    }
    this.replies.push(reply);
    this.history.push(new Map(this.cookies));
  }

  #cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** What a browser states of a request that a page of the application sends. */
  #ownPage(safe: boolean): Readonly<Record<string, string>> {
    const { origin } = this.around.client.target;
    return { 'sec-fetch-site': 'same-origin', ...(!safe && { origin }) };
  }

  async #csrfToken({ path, from }: CsrfSource): Promise<string> {
    const reply = await this.send({ method: 'GET', path, headers: {} }, { note: 'fetches the CSRF token' });
    const token = this.#tokenIn(reply, from);
    if (typeof token !== 'string' || token === '')
      throw new CheckError(`There is no CSRF token at ${shown(path)}.`);
    this.around.secrets.add(token);
    return token;
  }

  #tokenIn({ body }: Reply, from: CsrfSource['from']): unknown {
    if ('json' in from) return atPointer(body, from.json);
    if ('meta' in from) return inTag(body, 'meta', from.meta, 'content');
    if ('input' in from) return inTag(body, 'input', from.input, 'value');
    const value = this.cookies.get(from.cookie);
    return value === undefined ? undefined : decoded(value);
  }
}

const withQuery = (path: string, query: string | undefined): string =>
  query === undefined ? path : `${path}${path.includes('?') ? '&' : '?'}${query}`;

/** A query may hold a key. */
const shown = (path: string): string => path.replace(/\?.*$/, '?…');
