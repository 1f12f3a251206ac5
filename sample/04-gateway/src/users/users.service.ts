import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Injectable, type OnModuleInit } from '@nestjs/common';

export interface User {
  readonly id: string;
  readonly login: string;
  readonly name: string;
}

interface Account extends User {
  readonly salt: Buffer;
  readonly key: Buffer;
}

/** Shown on the page. A real application has neither such a list nor such passwords. */
const DEMO_USERS = [
  { id: 'user-1', login: 'alice', name: 'Alice', password: 'a-cup-of-tea' },
  { id: 'user-2', login: 'bob', name: 'Bob', password: 'two-lumps-please' },
];

const derive = promisify<string, Buffer, number, Buffer>(scrypt);
const KEY_LENGTH = 32;

/** Nobody's: verified where a user does not exist, so that a failed login takes as long as for one who does. */
const NOBODY = { salt: randomBytes(16), key: randomBytes(KEY_LENGTH) };

/** The users, in memory: every start begins with the demo users as they were. */
@Injectable()
export class UsersService implements OnModuleInit {
  readonly #accounts = new Map<string, Account>();

  async onModuleInit(): Promise<void> {
    for (const { password, ...user } of DEMO_USERS) {
      const salt = randomBytes(16);
      this.#accounts.set(user.id, { ...user, salt, key: await derive(password, salt, KEY_LENGTH) });
    }
  }

  byId(id: string): User | undefined {
    return this.#accounts.get(id);
  }

  /** The user whose name and password these are. */
  async verify(login: string, password: string): Promise<User | undefined> {
    const account = [...this.#accounts.values()].find((one) => one.login === login);
    const { salt, key } = account ?? NOBODY;
    const same = timingSafeEqual(await derive(password, salt, KEY_LENGTH), key);
    return same ? account : undefined;
  }
}
