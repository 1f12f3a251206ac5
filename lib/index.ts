export { SessionModule } from './nest/session.module.js';
export { SessionService } from './nest/session.service.js';
export { SessionInterceptor } from './nest/request/session.interceptor.js';
export { LoginGuard } from './nest/guards/login.guard.js';
export { ReloginGuard } from './nest/guards/relogin.guard.js';
export { DeviceBoundGuard } from './nest/device/device-bound.guard.js';
export {
  AllowCrossOrigin,
  Cacheable,
  CurrentSession,
  CurrentUser,
  DeviceBound,
  EndWithSession,
  Logout,
  Passive,
  Public,
  Relogin,
  Subject,
} from './nest/session.decorators.js';
export { Session } from './nest/session.js';
export { SESSION_ENDED, SESSION_RENEWED, CROSS_ORIGIN } from './nest/sockets/session-end.js';
export { SESSION_CLOCK, SESSION_OPTIONS, SESSION_SETTINGS, SESSION_STORE } from './nest/options/tokens.js';
export { SessionHttpException } from './nest/request/session.exceptions.js';
export { MemoryStore } from './stores/memory/index.js';
export { cookieKeys } from './core/token/signer.js';
export { SessionError, isSessionError } from './core/util/errors.js';
export { safeNext } from './http/csrf.js';

export type {
  ClearSiteDataType,
  SessionModuleExtras,
  SessionModuleOptions,
  SessionOptionsFactory,
  ExcludedRoute,
} from './nest/options/session.options.js';
export type { DeviceBoundOptions, DeviceScope } from './nest/device/device.options.js';
export type { LoggedInSession } from './nest/session.js';
export type {
  HandshakeOptions,
  LogoutOptions,
  RegenerateOptions,
  RevokeAllOptions,
  RevokeOptions,
  SessionTarget,
} from './nest/session.service.js';
export type { HandshakeHeaders, HandshakeRequest, HandshakeSource } from './nest/transports/handshake.js';
export type { GraphqlErrorExtensions, SessionHttpCode } from './nest/request/session.exceptions.js';
export type { FailureContent, RenderFailure, SessionFailure } from './nest/request/failure-content.js';
export type { SessionEnd } from './nest/sockets/session-end.js';
export type { WsErrorBody } from './nest/sockets/ws.exception.js';
export type { LoginRefusal } from './nest/guards/login.guard.js';
export type { ReloginRefusal, ReloginWindow } from './nest/guards/relogin.guard.js';
export type { StandardSchemaV1 } from './nest/options/standard-schema.js';
export type { MemoryStoreOptions } from './stores/memory/index.js';
export type { DataOf, SessionData, SessionInfo, SessionState } from './core/session.js';
export type { SessionErrorCode } from './core/util/errors.js';
export type { EndReason, SessionEvent, StoreAccess, StorePart } from './core/events/events.js';
export type { DeviceAlgorithm } from './core/device/device-key.js';
export type { DeviceRefusal, SkipReason } from './core/device/device-refusal.js';
export type { UnprovedReason } from './core/device/device-policy.js';
export type { LoginOptions, ReloginOptions } from './core/operations/operations.js';
export type { ClosingReason } from './core/storage/backend.js';
export type { ProtectionVerdict } from './core/request/engine-context.js';
export type { CookieOptions } from './core/token/cookie.js';
export type { Clock } from './core/util/clock.js';
export type { Duration } from './core/util/durations.js';
export type { Device } from './core/model/record.js';
export type { SessionStore } from './core/storage/store.js';
