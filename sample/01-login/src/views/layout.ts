import { html, type Html } from './html.js';

export interface Visitor {
  /** Of the user who is logged in. */
  name?: string | undefined;
  itemsInCart: number;
}

export interface Page {
  title: string;
  main: Html;
  notice?: string | undefined;
}

export function layout({ title, main, notice }: Page, visitor: Visitor): string {
  return `<!doctype html>\n${html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>${title} · Paper Crane</title>
      <link rel="icon" href="/assets/crane.svg" type="image/svg+xml" />
      <link rel="stylesheet" href="/assets/style.css" />
    </head>
    <body>
      <a class="skip" href="#main">Skip to the content</a>
      ${header(visitor)}
      <main id="main" tabindex="-1">
        ${notice !== undefined && html`<p class="notice" role="status">${notice}</p>`} ${main}
      </main>
      <footer class="bar">
        <p>A sample of <strong>nest-sessions</strong>. Nothing here is for sale.</p>
      </footer>
    </body>
  </html>`}`;
}

function header({ name, itemsInCart }: Visitor): Html {
  const items = itemsInCart === 1 ? '1 item' : `${itemsInCart} items`;
  return html`<header class="bar">
    <a class="brand" href="/"><img src="/assets/crane.svg" alt="" width="28" height="28" />Paper Crane</a>
    <nav aria-label="Main">
      <ul>
        <li>
          <a href="/cart"
            >Cart <span class="count" aria-hidden="true">${itemsInCart}</span
            ><span class="unseen">${items}</span></a
          >
        </li>
        ${name === undefined ? html`<li><a href="/login">Log in</a></li>` : personal(name)}
      </ul>
    </nav>
  </header>`;
}

const personal = (name: string): Html =>
  html`<li><a href="/account">${name}</a></li>
    <li>
      <form method="post" action="/logout"><button class="quiet">Log out</button></form>
    </li>`;
