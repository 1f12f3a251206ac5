import { Controller, Get, Post, Redirect } from '@nestjs/common';
import { Session } from 'nest-sessions';
import { Pages } from '../views/pages.js';
import { checkoutView } from './cart.view.js';

/** Not public: whoever is not logged in gets the login page, and comes back here with the cart. */
@Controller('checkout')
export class CheckoutController {
  constructor(private readonly pages: Pages) {}

  @Get()
  show(@Session() session: Session): string {
    return this.pages.render({ title: 'Check out', main: checkoutView(session.data.cart) });
  }

  @Post()
  @Redirect('/?notice=ordered', 303)
  order(@Session() session: Session): void {
    delete session.data.cart;
  }
}
