import { asvs, verdictOf, type Check } from './check.js';
import { invented } from './invented.js';
import type { Scene } from '../target/scene.js';
import type { Sending } from '../target/visitor.js';

/** A request without a cookie that carries the token in another way. */
async function carried(scene: Scene, sending: Sending): Promise<boolean> {
  return scene.visitor().isLoggedIn({ ...sending, cookie: '' });
}

const parameters = (scene: Scene): string[] => [
  ...scene.cookieNames,
  'sid',
  'session',
  'token',
  'access_token',
];

export const inQuery: Check = {
  id: 'token-query',
  title: 'The token is not accepted in the query',
  why: 'URLs are logged, kept in the history and sent on as the referrer; a link fixes a session.',
  severity: 'error',
  requirements: [asvs('14.2.1')],
  async run(scene) {
    const [token = ''] = scene.tokenOf(await scene.loggedIn()).values();
    const query = parameters(scene)
      .map((name) => `${encodeURIComponent(name)}=${token.includes('%') ? token : encodeURIComponent(token)}`)
      .join('&');
    const opens = await carried(scene, { query, note: 'with the token in the query' });
    return verdictOf([opens && 'The token in the query opens the session.']);
  },
};

export const inBody: Check = {
  id: 'token-body',
  title: 'The token is not accepted in a body',
  why: 'Another site can send a body, and so use a token that it has planted.',
  severity: 'error',
  requirements: [asvs('14.2.1')],
  needs: ['write'],
  async run(scene) {
    const visitor = await scene.loggedIn();
    const [token = ''] = scene.tokenOf(visitor).values();
    const fields = Object.fromEntries(parameters(scene).map((name) => [name, token]));
    const note = 'with the token in the body';
    const value = await scene.write(scene.visitor(), { fields, cookie: '', note });
    return verdictOf([(await scene.shows(visitor, value)) && 'The token in a body opens the session.']);
  },
};

export const inHeader: Check = {
  id: 'token-header',
  title: 'The token of the cookie is not accepted in another header',
  why: 'What the rules of cookies protect is open again on a second way.',
  severity: 'warning',
  requirements: [asvs('14.2.1')],
  async run(scene) {
    const [token = ''] = scene.tokenOf(await scene.loggedIn()).values();
    const headers = { authorization: `Bearer ${token}`, 'x-session-id': token, 'x-auth-token': token };
    const opens = await carried(scene, { headers, note: 'with the token in Authorization' });
    return verdictOf([opens && 'The token in Authorization opens the session.']);
  },
};

export const onlyInSetCookie: Check = {
  id: 'token-leak',
  title: 'The token leaves in Set-Cookie only',
  why: 'A token in a page, a URL or another header is within the reach of scripts, logs and other sites.',
  severity: 'error',
  requirements: [asvs('3.3.4'), asvs('14.2.1')],
  async run(scene) {
    const visitor = await scene.loggedIn();
    for (const page of scene.privatePages) await visitor.send(page);
    if (scene.config.write) await scene.shows(visitor, await scene.write(visitor));
    const values = [...scene.tokenOf(visitor).values()].filter((value) => value.length >= 8);
    const forms = values.flatMap((value) => [value, safely(value)]);
    const where = visitor.replies.flatMap(({ headers, body }) => [
      ...(holds(body, forms) ? ['a body'] : []),
      ...[...headers].flatMap(([name, list]) =>
        name !== 'set-cookie' && list.some((text) => holds(text, forms)) ? [`the header ${name}`] : [],
      ),
    ]);
    return verdictOf([...new Set(where)].map((place) => `The token is in ${place} of a response.`));
  },
};

const holds = (text: string, values: readonly string[]): boolean =>
  values.some((value) => text.includes(value));

function safely(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

export const cookieOrder: Check = {
  id: 'cookie-order',
  title: 'Of two cookies of one name, the order does not decide',
  why: 'A sibling domain can set a second cookie, and so choose which session the user is in.',
  severity: 'warning',
  requirements: [asvs('3.3.3')],
  async run(scene) {
    const token = scene.tokenOf(await scene.loggedIn());
    const own = scene.header(token);
    const other = scene.header(new Map([...token].map(([name, value]) => [name, invented(value)])));
    const first = await scene
      .visitor()
      .isLoggedIn({ cookie: `${own}; ${other}`, note: 'the genuine cookie first' });
    const last = await scene
      .visitor()
      .isLoggedIn({ cookie: `${other}; ${own}`, note: 'the genuine cookie last' });
    const which = first ? 'first' : 'last';
    return verdictOf([first !== last && `Of two cookies of one name the ${which} one wins.`]);
  },
};

export const transportChecks = [inQuery, inBody, inHeader, onlyInSetCookie, cookieOrder];
