import { html, type Html } from '../views/html.js';
import { inEuros, PRODUCTS, type Product } from './products.js';

export const shopView = (): Html =>
  html`<div class="hero">
      <h1>Things to write with</h1>
      <p>Fill a cart before you log in. It comes along; nothing else of the anonymous session does.</p>
    </div>
    <ul class="shelf">
      ${PRODUCTS.map(productCard)}
    </ul>`;

const productCard = ({ sku, name, about, price }: Product): Html =>
  html`<li class="card">
    <svg class="picture" viewBox="0 0 96 64" aria-hidden="true">
      <use href="/assets/products.svg#${sku}" />
    </svg>
    <h2>${name}</h2>
    <p>${about}</p>
    <form method="post" action="/cart/add">
      <input type="hidden" name="sku" value="${sku}" />
      <span class="price">${inEuros(price)}</span>
      <button>Add<span class="unseen"> ${name}</span> to cart</button>
    </form>
  </li>`;
