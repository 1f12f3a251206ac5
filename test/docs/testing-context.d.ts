// What the examples of docs/testing.md take for granted: the application that its first example prints.
import type { LoggedInSession, SessionService } from 'nest-sessions';
import type { FakeClock } from 'nest-sessions/testing';

declare global {
  const REDIS: symbol;
  const clock: FakeClock;
  class CartService {
    constructor(sessions: SessionService);
    add(item: string): Promise<number>;
  }
  class AccountController {
    constructor(carts: CartService);
    account(session: LoggedInSession): { user: string; cart: string[] };
  }
}
