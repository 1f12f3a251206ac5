import { html, type Html } from '../views/html.js';

const EXPLANATIONS: Record<number, string> = {
  400: 'Something in the request was not as expected. Go back, look at what you entered, and try again.',
  403: 'This request seems to come from another site, so nothing was done.',
  404: 'There is no such page here.',
  413: 'That was more than this page takes.',
  503: 'Your session cannot be looked up right now. You are not logged out: try again in a moment.',
};

export function errorView(status: number, title: string): Html {
  return html`<div class="narrow">
    <p class="eyebrow">Error ${status}</p>
    <h1>${title}</h1>
    <p>${EXPLANATIONS[status] ?? 'Something went wrong on our side. Try again in a moment.'}</p>
    <p><a class="button" href="/">To the shop</a></p>
  </div>`;
}
