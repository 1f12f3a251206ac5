export { fromExpressSession } from './express-session.js';
export { fromFastifySession } from './fastify-session.js';
export { fromCookieSession } from './cookie-session.js';
export { fromIronSession } from './iron-session.js';
export { fromSecureSession } from './secure-session.js';
export { fromJwt } from './jwt.js';

export type { ExpressSessionOptions } from './express-session.js';
export type { FastifySessionOptions, FastifySigner } from './fastify-session.js';
export type { CookieSessionOptions, CookieVerifier } from './cookie-session.js';
export type { IronSessionOptions } from './iron-session.js';
export type { SecureSessionOptions } from './secure-session.js';
export type { JwtClaims, JwtOptions } from './jwt.js';
export type { MapOld, MigrationOptions, OldCookie } from './options.js';
export type { Key } from './signed-value.js';
export type {
  MigratedLogin,
  MigrationSource,
  OldCredential,
  OldSession,
  Warn,
} from '../core/migration/source.js';
export type { ConnectCookie, ConnectSession, ConnectStoreLike } from '../core/storage/connect-calls.js';
