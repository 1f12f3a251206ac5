import { randomBytes } from 'node:crypto';
import { MemoryStore } from 'nest-sessions';
import { SealedCookie } from 'nest-sessions/sealed';
import { defaults } from '../../support/platforms.js';

/**
 * What the specs of the core say of a store, and a cookie that holds the session cannot do. Everything else
 * runs here over sealed cookies, as it is written there.
 */
const NOT_IN_A_COOKIE: Record<string, string> = {
  'keeps what two overlapping requests write': 'the answer that arrives last decides what the browser holds',
  'can be changed, and ended, and then is over': 'a handshake has no answer that could carry the change',
  'are unique, of 256 random bits beside an id of 128': 'that is the form of the token of a store',
  'the cookie is one that it reads with cookieKeys()':
    'cookie-parser reads signed values, and this one is sealed',
};

const random = (bytes: number): string => randomBytes(bytes).toString('base64url');

type Register = (name: string, ...rest: unknown[]) => unknown;

const met = new Set<string>();

function unlessExcepted(register: Register): Register {
  return (name, ...rest) => {
    if (!(name in NOT_IN_A_COOKIE)) return register(name, ...rest);
    met.add(name);
    return undefined;
  };
}

const plain = globalThis.it;
const each = (...table: unknown[]) =>
  unlessExcepted((plain.each as unknown as (...cases: unknown[]) => Register)(...table));
globalThis.it = Object.assign(unlessExcepted(plain as Register), plain, { each }) as typeof plain;
defaults.store = () => new SealedCookie({ index: new MemoryStore(), enforceRotation: true });
defaults.forgedCookie = () => `__Host-session=v1.${random(6)}.${random(300)}`;

await import('../../nest/session/login.spec.js');
await import('../../nest/request/caching.spec.js');
await import('../../nest/session/cookies.spec.js');
await import('../../nest/guards/cross-origin.spec.js');
await import('../../nest/session/data.spec.js');
await import('../../nest/session/ending.spec.js');
await import('../../nest/transports/open.spec.js');
await import('../../nest/guards/protection.spec.js');
await import('../../nest/guards/relogin.spec.js');
await import('../../nest/session/timeouts.spec.js');
await import('../../nest/session/tokens.spec.js');
await import('../../nest/request/exits.spec.js');
await import('../../nest/request/late-changes.spec.js');
await import('../../concurrency/races.spec.js');

globalThis.it = plain;

it('every exception is one of a spec that is there', () => {
  expect([...met].sort()).toEqual(Object.keys(NOT_IN_A_COOKIE).sort());
});
