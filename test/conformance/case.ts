import { Client } from './client.js';
import type { Capability, Lack, Settings, Site, Target } from './target.js';

/** A spec of the repository that proves what cannot be seen over HTTP, or more than that. */
export interface Reference {
  readonly file: string;
  /** A part of the file, as it is written there. */
  readonly title: string;
}

export interface Case {
  /** A requirement, `R40`, or a lesson of an incident, `I1`. */
  readonly id: string;
  readonly title: string;
  /** ASVS without further words: OWASP ASVS 5.0; SESS: OWASP WSTG; CS: OWASP cheat sheets. */
  readonly source: string;
  readonly needs?: readonly Capability[];
  /** Where another package or the application is meant to do it. */
  readonly note?: string;
  /** Without it the case is proved by {@link Case.specs} alone. */
  readonly run?: (lab: Lab) => Promise<void>;
  readonly specs?: readonly Reference[];
}

/** A target, as a case uses it. */
export class Lab {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  get cookieName(): string {
    return this.#target.cookieName;
  }

  can(capability: Capability): boolean {
    return this.#target.lacks[capability] === undefined;
  }

  async start(settings: Settings = {}): Promise<Bench> {
    return new Bench(this.#target, await this.#target.start(settings), settings.cookie?.name);
  }
}

/** A site with its clients. */
export class Bench {
  readonly site: Site;
  readonly cookieName: string;
  readonly #target: Target;

  constructor(target: Target, site: Site, cookieName?: string) {
    this.#target = target;
    this.site = site;
    this.cookieName = cookieName ?? target.cookieName;
  }

  /** A client with a cookie jar, at a node. */
  client(node = 0): Client {
    return new Client(this.site.urls[node]!, this.cookieName, this.#target.headers);
  }

  async loggedIn(user = 'alice', node = 0): Promise<Client> {
    const client = this.client(node);
    expect((await client.login(user)).status).toBe(200);
    expect(client.cookie).not.toBe('');
    return client;
  }

  /** The statuses of `GET /me` with this Cookie header, at each node. */
  async statuses(cookie: string): Promise<number[]> {
    const nodes = this.site.urls.map((_, node) => this.client(node));
    return Promise.all(nodes.map(async (client) => (await client.get('/me', { cookie })).status));
  }

  /** That this Cookie header opens the login, at every node. */
  async expectIn(cookie: string): Promise<void> {
    expect(cookie).not.toBe('');
    for (const status of await this.statuses(cookie)) expect(status).toBe(200);
  }

  /** That it opens none, at any. */
  async expectOut(cookie: string): Promise<void> {
    expect(cookie).not.toBe('');
    for (const status of await this.statuses(cookie)) expect(status).toBe(401);
  }
}

/** Why a case does not run at a target; `undefined` where it does. */
export function lackOf(one: Case, target: Target): Lack | undefined {
  return one.needs?.map((need) => target.lacks[need]).find((lack) => lack !== undefined);
}
