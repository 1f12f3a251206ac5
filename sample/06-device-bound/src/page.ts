import type { SessionEvent } from 'nest-sessions';
import type { History } from './event-log.js';

export const loginPage = (): string =>
  page('Nobody is logged in', '<form method="post" action="/login"><button>Log in</button></form>');

export function accountPage(
  host: string,
  subject: string,
  boundAt: Date | undefined,
  { events, provedAt }: History,
): string {
  return page(
    `Logged in as ${escaped(subject)}`,
    `${boundAt ? bound(host, boundAt, provedAt) : ORDINARY}
     <form method="post" action="/logout"><button>Log out</button></form>
     <h2>Events of this session</h2>
     <ul id="events">${events.map(line).join('')}</ul>`,
  );
}

const bound = (host: string, boundAt: Date, provedAt: number | undefined): string =>
  `<p id="binding">Bound to this device since ${time('bound-at', boundAt)}.
   ${provedAt === undefined ? '' : `Last proof that the browser has the key: ${time('proved-at', new Date(provedAt))}.`}</p>
   <p>Copy both cookies of this page (developer tools, Application, Cookies), and use them elsewhere:</p>
   <pre>curl -k https://${escaped(host)}/me -H 'Cookie: __Host-session=…; __Host-session-bound=…'</pre>
   <p>It works. Try again after five and a half minutes: the copy is dead, and this page goes on when you load it again.</p>`;

/** The first page after the login, too: a browser registers its key when it has the response. */
const ORDINARY = `<p id="binding">An ordinary session: the browser has registered no key.</p>
   <p>One that binds sessions does it in the moment after the login: load the page again. If this line stays, this browser
   does not bind, or not behind its warning about the certificate: open the page by <code>npm run browser</code>. A copy of
   the cookie works until you log out.</p>`;

const line = (event: SessionEvent): string => {
  const why = 'reason' in event ? `: ${event.reason}` : '';
  return `<li>${clockTime(new Date(event.at))} ${event.type}${why}</li>`;
};

const page = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
   <body style="font: 1rem/1.5 sans-serif; max-width: 50rem; margin: 2rem auto"><h1>${title}</h1>${body}</body></html>`;

const time = (id: string, date: Date): string =>
  `<time id="${id}" datetime="${date.toISOString()}">${clockTime(date)}</time>`;

/** By the clock on the wall: the server is on the same machine. */
const clockTime = (date: Date): string => date.toTimeString().slice(0, 8);

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
