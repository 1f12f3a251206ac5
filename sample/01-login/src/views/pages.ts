import { Injectable } from '@nestjs/common';
import { SessionService, type Session } from 'nest-sessions';
import { UsersService } from '../auth/users.service.js';
import { itemsIn } from '../shop/cart.js';
import { layout, type Page, type Visitor } from './layout.js';

/** Puts a page into the frame that all share, with the name and the cart of whoever looks at it. */
@Injectable()
export class Pages {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  render(page: Page): string {
    return layout(page, this.#visitor());
  }

  #visitor(): Visitor {
    const session = this.#session();
    return {
      name: session?.loggedIn ? this.users.byId(session.subject!)?.name : undefined,
      itemsInCart: itemsIn(session?.data.cart),
    };
  }

  /** There is none where the store did not answer, and the page tells of just that. */
  #session(): Session | undefined {
    try {
      return this.sessions.current;
    } catch {
      return undefined;
    }
  }
}
