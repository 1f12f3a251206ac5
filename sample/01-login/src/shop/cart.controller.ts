import { Body, Controller, Get, Post, Query, Redirect } from '@nestjs/common';
import { Public, Session } from 'nest-sessions';
import { noticeText } from '../views/notices.js';
import { Pages } from '../views/pages.js';
import { CartForm } from './cart.form.js';
import { withOneMore, without } from './cart.js';
import { cartView } from './cart.view.js';

/** For everybody: the cart of a visitor is the first thing their session holds, and what makes it exist. */
@Public()
@Controller('cart')
export class CartController {
  constructor(private readonly pages: Pages) {}

  @Get()
  show(@Session() session: Session, @Query('notice') notice: unknown): string {
    const main = cartView(session.data.cart);
    return this.pages.render({ title: 'Cart', main, notice: noticeText(notice) });
  }

  /** By `update()`, so that of two clicks at the same time both count. */
  @Post('add')
  @Redirect('/?notice=added', 303)
  async add(@Session() session: Session, @Body() { sku }: CartForm): Promise<void> {
    await session.update('cart', (cart) => withOneMore(cart, sku));
  }

  @Post('remove')
  @Redirect('/cart?notice=removed', 303)
  async remove(@Session() session: Session, @Body() { sku }: CartForm): Promise<void> {
    await session.update('cart', (cart) => without(cart, sku));
  }
}
