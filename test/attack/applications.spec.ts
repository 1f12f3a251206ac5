import type { Server } from 'node:http';
import { MemoryStore } from 'nest-sessions';
import { AppController } from '../support/app.js';
import { closeAll, platforms, start } from '../support/platforms.js';
import { attackOn, failuresOf } from './attack-on.js';
import {
  carelessExpressSession,
  documentedCookieSession,
  documentedExpressSession,
  startPeer,
  type Peer,
} from './peers.js';
import { CONFIG } from './target.js';

const servers: Server[] = [];

afterEach(async () => {
  await closeAll();
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** The routes of `test/support/app.ts`. */
const OURS = {
  users: { first: { name: 'alice' }, second: { name: 'robert' } },
  login: { path: '/login', json: { user: '{{name}}' } },
  logout: { path: '/logout' },
  relogin: { path: '/relogin', json: {} },
  read: { path: '/me', loggedIn: { json: { '/subject': '{{name}}' } } },
  write: { path: '/data', json: { '{{key}}': '{{value}}' }, read: { path: '/look' } },
  increment: { path: '/increment/hits', read: { path: '/look' }, count: { json: '/data/hits' } },
  private: ['/devices', '/look'],
  anonymous: ['/untouched'],
};

describe.each(platforms)('the attack on nest-sessions, %s', (platform) => {
  it('finds nothing, and every check applies but for plain HTTP', async () => {
    const options = { store: new MemoryStore() };
    const { url } = await start(platform, { controllers: [AppController], realClock: true, options });
    const { results, cookies } = await attackOn(url, OURS);
    const others = results.filter(({ outcome }) => outcome !== 'passed');
    expect(others.map(({ id, findings, reason }) => [id, ...findings, reason])).toEqual([]);
    expect(cookies).toEqual(['__Host-session']);
  });
});

const { relogin: _, increment: __, ...PEER } = CONFIG;

const CROSS_SITE = ['cross-site-login', 'cross-site-logout', 'cross-site-write'];
const CACHING = ['cache-shared', 'cache-stored', 'cache-vary'];

/** What the attack finds, in the order of the checks. */
const PEERS: readonly [string, () => Peer, string[], string[]][] = [
  [
    'express-session, used carelessly',
    carelessExpressSession,
    ['connect.sid'],
    [
      ...['fixation', 'login-rotates', 'anonymous-cookie', 'logout', ...CROSS_SITE, 'lost-write'],
      ...['cookie-httponly', 'cookie-samesite', 'cookie-order', ...CACHING, 'isolation-switch'],
    ],
  ],
  [
    'express-session, as documented',
    documentedExpressSession,
    ['connect.sid'],
    ['logout-race', 'logout-cookie', ...CROSS_SITE, 'lost-write', 'cookie-order', ...CACHING],
  ],
  [
    'cookie-session, as documented',
    documentedCookieSession,
    ['session', 'session.sig'],
    [
      ...['login-rotates', 'logout', 'logout-earlier', ...CROSS_SITE, 'lost-write'],
      ...['token-entropy', 'token-meaning', 'cookie-order', ...CACHING],
    ],
  ],
];

describe('the attack on other libraries', () => {
  it.each(PEERS)('finds in %s', async (_name, peer, cookies, expected) => {
    const { server, url } = await startPeer(peer());
    servers.push(server);
    const attacked = await attackOn(url, PEER);
    expect([attacked.cookies, failuresOf(attacked)]).toEqual([cookies, expected]);
  });
});
