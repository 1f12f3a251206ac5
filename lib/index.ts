export { SessionModule } from './nest/session.module.js';
export { SessionService } from './nest/session.service.js';
export { SessionInterceptor } from './nest/session.interceptor.js';
export { LoginGuard } from './nest/login.guard.js';
export { ReloginGuard } from './nest/relogin.guard.js';
export {
  AllowCrossOrigin,
  Cacheable,
  CurrentSession,
  Logout,
  Passive,
  Public,
  Relogin,
} from './nest/session.decorators.js';
export { Session } from './nest/session.js';
export { SessionHttpException } from './nest/session.exceptions.js';
export { MemoryStore } from './stores/memory.js';
export { cookieKeys } from './core/signer.js';
export { SessionError, isSessionError } from './core/errors.js';
export { safeNext } from './http/request-origin.js';

export type { SessionModuleOptions, SessionOptionsFactory, ExcludedRoute } from './nest/session.options.js';
export type { OnSession } from './nest/session.service.js';
export type { HandshakeHeaders, HandshakeRequest, HandshakeSource } from './nest/handshake.js';
export type { SessionHttpCode } from './nest/session.exceptions.js';
export type { StandardSchemaV1 } from './nest/standard-schema.js';
export type { MemoryStoreOptions } from './stores/memory.js';
export type { SessionData, SessionInfo, SessionState } from './core/session.js';
export type { SessionErrorCode } from './core/errors.js';
export type { SessionEvent, EndReason } from './core/events.js';
export type { LoginOptions, ReloginOptions } from './core/lifecycle.js';
export type { ProtectionVerdict } from './core/engine-context.js';
export type { CookieOptions } from './core/cookie.js';
export type { Clock } from './core/clock.js';
export type { Duration } from './core/durations.js';
export type { Device, PredecessorSecret, RecordDelta, RecordHead, SessionRecord } from './core/record.js';
export type {
  Awaitable,
  Committed,
  Created,
  Departed,
  Epitaph,
  Loaded,
  SessionLimit,
  SessionStore,
  StoreContext,
} from './core/store.js';
export type { KeeperFactory } from './core/keeper.js';
