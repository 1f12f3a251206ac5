import { PRODUCTS, type Product } from './products.js';

/** How many there are of each product, by its sku. */
export type Cart = Readonly<Record<string, number>>;

/** What a session of this application holds. With this `session.data.cart` has its type everywhere. */
declare module 'nest-sessions' {
  interface SessionData {
    cart?: Cart;
  }
}

export interface CartLine {
  product: Product;
  count: number;
}

const MOST = 20;

export const withOneMore = (cart: Cart = {}, sku: string): Cart => ({
  ...cart,
  [sku]: Math.min((cart[sku] ?? 0) + 1, MOST),
});

/** `undefined` when nothing is left, so that the session forgets the cart. */
export function without(cart: Cart = {}, sku: string): Cart | undefined {
  const { [sku]: _removed, ...rest } = cart;
  return Object.keys(rest).length > 0 ? rest : undefined;
}

export const itemsIn = (cart: Cart = {}): number =>
  Object.values(cart).reduce((sum, count) => sum + count, 0);

export const linesOf = (cart: Cart = {}): CartLine[] =>
  PRODUCTS.flatMap((product) => {
    const count = cart[product.sku] ?? 0;
    return count > 0 ? [{ product, count }] : [];
  });

export const totalOf = (cart?: Cart): number =>
  linesOf(cart).reduce((sum, { product, count }) => sum + product.price * count, 0);
