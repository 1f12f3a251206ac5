import { asvs, verdictOf, type Check } from './check.js';
import { headerOf, type Reply } from '../http/client.js';
import type { Scene } from '../target/scene.js';

interface Page {
  what: string;
  reply: Reply;
}

/** The responses that belong to one user, and those that set or expire the cookie. */
async function pagesOf(scene: Scene): Promise<{ own: Page[]; all: Page[] }> {
  const visitor = scene.visitor();
  const login = await visitor.login();
  await scene.loggedIn(undefined, visitor);
  const own: Page[] = [];
  for (const page of scene.privatePages) own.push({ what: page.path, reply: await visitor.send(page) });
  const logout = await visitor.logout();
  const refused: Page[] = [];
  for (const page of scene.privatePages)
    refused.push({ what: page.path, reply: await visitor.send(page, { note: 'after the logout' }) });
  const set = [
    { what: 'The login', reply: login },
    { what: 'The logout', reply: logout },
  ].filter(({ reply }) => reply.setCookies.length > 0);
  return { own, all: [...set, ...own, ...refused] };
}

/** The directives of Cache-Control; a directive with a list of fields holds for these only. */
const directives = (reply: Reply): ReadonlySet<string> =>
  new Set(
    headerOf(reply, 'cache-control')
      .toLowerCase()
      .replace(/"[^"]*"/g, 'fields')
      .split(',')
      .map((one) => one.trim()),
  );

const isPrivate = (reply: Reply): boolean =>
  ['private', 'no-store'].some((name) => directives(reply).has(name));

const isShared = (reply: Reply): boolean =>
  [...directives(reply)].some(
    (one) => one === 'public' || /^s-maxage=0*[1-9]/.test(one) || /^max-age=0*[1-9]/.test(one),
  ) && !isPrivate(reply);

export const sharedCaches: Check = {
  id: 'cache-shared',
  title: 'No shared cache keeps a response of a session',
  why: 'A proxy or a delivery network hands the page of one user, or their cookie, to the next.',
  severity: 'error',
  requirements: [asvs('14.2.2'), asvs('14.3.2')],
  async run(scene) {
    const { own, all } = await pagesOf(scene);
    const open = own.filter(({ reply }) => reply.status < 400 && !isPrivate(reply));
    const set = all.filter(({ reply }) => reply.setCookies.length > 0 && !isPrivate(reply));
    const shared = all.filter(({ reply }) => isShared(reply));
    const findings = [...open, ...set].map(({ what }) => `${what} has neither "private" nor "no-store".`);
    return verdictOf([
      ...new Set([...findings, ...shared.map(({ what }) => `${what} allows shared caches to keep it.`)]),
    ]);
  },
};

export const notStored: Check = {
  id: 'cache-stored',
  title: 'The browser does not keep the pages of a session',
  why: 'After the logout, the Back button or the files of the browser show them to the next user of the browser.',
  severity: 'warning',
  requirements: [asvs('14.3.2'), asvs('7.4.1')],
  async run(scene) {
    const { own } = await pagesOf(scene);
    const kept = own.filter(({ reply }) => reply.status < 300 && !directives(reply).has('no-store'));
    return verdictOf(kept.map(({ what }) => `${what} has no "no-store".`));
  },
};

export const vary: Check = {
  id: 'cache-vary',
  title: 'What may be kept varies by the cookie',
  why: 'A cache that keeps the page shows it to the next user of the same browser, logged in or not.',
  severity: 'warning',
  requirements: [asvs('14.2.2')],
  async run(scene) {
    const { own } = await pagesOf(scene);
    const kept = own.filter(({ reply }) => reply.status < 300 && !directives(reply).has('no-store'));
    return verdictOf(
      kept
        .filter(({ reply }) => !/(^|[\s,])(cookie|\*)($|[\s,])/i.test(headerOf(reply, 'vary')))
        .map(({ what }) => `${what} may be kept, and has no "Vary: Cookie".`),
    );
  },
};

export const cachingChecks = [sharedCaches, notStored, vary];
