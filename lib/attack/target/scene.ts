import { setTimeout as wait } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { CheckError } from '../errors.js';
import type { Client } from '../http/client.js';
import type { AttackConfig, RequestTemplate, User } from '../config/config.js';
import type { Secrets } from './secrets.js';
import { Visitor, type Step, type Surroundings } from './visitor.js';

/** Where a check takes place: its visitors, and the steps that they have taken. */
export class Scene implements Surroundings {
  readonly steps: Step[] = [];

  constructor(
    readonly config: AttackConfig,
    readonly client: Client,
    readonly secrets: Secrets,
    /** The names of the cookies that make up the session. */
    readonly cookieNames: readonly string[],
  ) {}

  get secure(): boolean {
    return this.client.target.protocol === 'https:';
  }

  visitor(user: User = this.config.users.first, cookies?: ReadonlyMap<string, string>): Visitor {
    return new Visitor(this, user, cookies);
  }

  /** A visitor after a login. @throws CheckError if it does not work, or not within a second */
  async loggedIn(user?: User, visitor = this.visitor(user)): Promise<Visitor> {
    const { status } = await visitor.login();
    if (status === 429)
      throw new CheckError('The target limits logins (429): raise its limit for the time of the attack.');
    // A store that lags is the business of one check, not of all.
    if (await this.eventually(() => visitor.isLoggedIn())) return visitor;
    throw new CheckError(`The login does not work: status ${status}, and the read is not that of a user.`);
  }

  /** Whether something comes true within a second. */
  async eventually(so: () => Promise<boolean>): Promise<boolean> {
    for (let tries = 0; tries < 10; tries++) {
      if (await so()) return true;
      await wait(100);
    }
    return false;
  }

  /** The cookies of the session alone. */
  tokenOf({ cookies }: Pick<Visitor, 'cookies'>): ReadonlyMap<string, string> {
    return new Map([...cookies].filter(([name]) => this.cookieNames.includes(name)));
  }

  /** Every token that a visitor ever had. */
  tokensOf({ history }: Visitor): ReadonlyMap<string, string>[] {
    const tokens = history.map((cookies) => this.tokenOf({ cookies: new Map(cookies) }));
    const distinct = new Map(tokens.map((token) => [textOf(token), token]));
    return [...distinct.values()].filter((token) => token.size > 0);
  }

  /** Whether two visitors have the same session cookies. */
  sameToken(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
    return textOf(one) === textOf(other);
  }

  /** A Cookie header with some values of the session cookies. */
  header(values: ReadonlyMap<string, string>): string {
    for (const value of values.values()) this.secrets.add(value);
    return textOf(values);
  }

  /** Whether these session cookies, and nothing else, open a session of the first user. */
  opens(token: ReadonlyMap<string, string>, note: string, user?: User): Promise<boolean> {
    return this.visitor(user, token).isLoggedIn({ note });
  }

  /** Writes a value that occurs nowhere else, and returns it. */
  async write(visitor: Visitor, sending: Parameters<Visitor['send']>[1] = {}): Promise<string> {
    const values = { key: `key${mark()}`, value: `value${mark()}` };
    await visitor.send(this.part('write'), { ...sending, values });
    return values.value;
  }

  /** Whether a written value shows up. */
  async shows(visitor: Visitor, value: string, note?: string): Promise<boolean> {
    const reply = await visitor.send(this.part('write').read, note === undefined ? {} : { note });
    if (reply.status >= 500) throw new CheckError(`The target responds with ${reply.status} to a read.`);
    return reply.body.includes(value);
  }

  /** A part of the config that the check has named in `needs`. */
  part<Name extends 'write' | 'increment' | 'relogin'>(name: Name): NonNullable<AttackConfig[Name]> {
    const found: AttackConfig[Name] = this.config[name];
    if (!found) throw new CheckError(`The config has no "${name}".`);
    return found;
  }

  get second(): User {
    const { second } = this.config.users;
    if (!second) throw new CheckError('The config has no "users.second".');
    return second;
  }

  /** Requests for what belongs to one user. */
  get privatePages(): readonly RequestTemplate[] {
    return [this.config.read, ...this.config.private.map(get)];
  }

  get anonymousPages(): readonly RequestTemplate[] {
    return [this.config.read, ...this.config.anonymous.map(get)];
  }
}

const get = (path: string): RequestTemplate => ({ method: 'GET', path, headers: {} });

const textOf = (values: ReadonlyMap<string, string>): string =>
  [...values].map(([name, value]) => `${name}=${value}`).join('; ');

const mark = (): string => randomBytes(6).toString('hex');
