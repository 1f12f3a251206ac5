import { html, type Html } from '../views/html.js';
import { linesOf, totalOf, type Cart, type CartLine } from './cart.js';
import { inEuros } from './products.js';

export function cartView(cart: Cart | undefined): Html {
  const lines = linesOf(cart);
  if (lines.length === 0)
    return html`<h1>Your cart</h1>
      <p>It is empty. <a href="/">Look around.</a></p>`;
  return html`<h1>Your cart</h1>
    ${table(cart, (line) => removeButton(line))}
    <p><a class="button" href="/checkout">Check out</a></p>`;
}

export function checkoutView(cart: Cart | undefined): Html {
  if (linesOf(cart).length === 0) return cartView(cart);
  return html`<h1>Check out</h1>
    <p>This page takes a login. The cart below is the one you filled before.</p>
    ${table(cart)}
    <form method="post" action="/checkout"><button>Place the order</button></form>`;
}

const table = (cart: Cart | undefined, action?: (line: CartLine) => Html): Html =>
  html`<div class="scroll" tabindex="0" role="region" aria-label="Cart">
    <table>
      <thead>
        <tr>
          <th scope="col">Article</th>
          <th scope="col" class="number">Count</th>
          <th scope="col" class="number">Price</th>
          ${action && html`<th scope="col"><span class="unseen">Action</span></th>`}
        </tr>
      </thead>
      <tbody>
        ${linesOf(cart).map((line) => row(line, action))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row" colspan="2">Together</th>
          <td class="number">${inEuros(totalOf(cart))}</td>
          ${action && html`<td></td>`}
        </tr>
      </tfoot>
    </table>
  </div>`;

const row = (line: CartLine, action?: (line: CartLine) => Html): Html =>
  html`<tr>
    <th scope="row">${line.product.name}</th>
    <td class="number">${line.count}</td>
    <td class="number">${inEuros(line.product.price * line.count)}</td>
    ${action && html`<td class="number">${action(line)}</td>`}
  </tr>`;

const removeButton = ({ product }: CartLine): Html =>
  html`<form method="post" action="/cart/remove">
    <input type="hidden" name="sku" value="${product.sku}" />
    <button class="quiet">Remove<span class="unseen"> ${product.name}</span></button>
  </form>`;
