/** Only compiled: what a map must name. */
import { MemoryStore } from 'express-session';
import {
  fromCookieSession,
  fromExpressSession,
  fromIronSession,
  fromJwt,
  fromSecureSession,
} from 'nest-sessions/migrate';

const store = new MemoryStore();
const secret = 'only types are looked at';

fromExpressSession({
  secret,
  store,
  map: (old: { user?: string }) => (old.user ? { subject: old.user } : undefined),
});
fromExpressSession({ secret, store, map: () => ({ subject: null, data: { cart: [] } }) });
// @ts-expect-error who is logged in is named, or null
fromExpressSession({ secret, store, map: () => ({ data: { cart: [] } }) });
// @ts-expect-error an id is a text
fromExpressSession({ secret, store, map: (old: { id: number }) => ({ subject: old.id }) });
// @ts-expect-error what comes over is listed
fromExpressSession({ secret, store });
// @ts-expect-error a store for express-session
fromExpressSession({ secret, store: new Map(), map: () => undefined });
// @ts-expect-error its cookies never expire
fromCookieSession({ keys: [secret], map: () => undefined });
// @ts-expect-error the name is required, as it is there
fromIronSession({ password: secret, map: () => undefined });
fromSecureSession({ key: secret, map: () => undefined });
// @ts-expect-error a number is no key
fromSecureSession({ key: 1, map: () => undefined });
fromJwt({ verify: (token) => Promise.resolve({ sub: token }) });
// @ts-expect-error who verifies tokens
fromJwt({});
