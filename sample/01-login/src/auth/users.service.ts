import { Injectable, type OnModuleInit } from '@nestjs/common';
import { hashPassword, verifyPassword } from './passwords.js';

export interface User {
  readonly id: string;
  readonly login: string;
  readonly name: string;
  readonly email: string;
}

interface Account extends User {
  readonly passwordHash: string;
}

/** Shown on the login page. A real application has neither such a list nor such passwords. */
export const DEMO_USERS = [
  { id: 'user-1', login: 'alice', name: 'Alice', email: 'alice@example.com', password: 'a-cup-of-tea' },
  { id: 'user-2', login: 'bob', name: 'Bob', email: 'bob@example.com', password: 'two-lumps-please' },
] as const;

/** The users, in memory: every start begins with the demo users as they were. */
@Injectable()
export class UsersService implements OnModuleInit {
  readonly #accounts = new Map<string, Account>();

  async onModuleInit(): Promise<void> {
    for (const { password, ...user } of DEMO_USERS) {
      this.#accounts.set(user.id, { ...user, passwordHash: await hashPassword(password) });
    }
  }

  byId(id: string): User | undefined {
    return this.#accounts.get(id);
  }

  /** The user whose name and password these are. */
  async authenticate(login: string, password: string): Promise<User | undefined> {
    const account = [...this.#accounts.values()].find((one) => one.login === login);
    return (await verifyPassword(password, account?.passwordHash)) ? account : undefined;
  }

  async hasPassword(id: string, password: string): Promise<boolean> {
    return verifyPassword(password, this.#accounts.get(id)?.passwordHash);
  }

  changeEmail(id: string, email: string): void {
    const account = this.#accounts.get(id);
    if (account) this.#accounts.set(id, { ...account, email });
  }
}
