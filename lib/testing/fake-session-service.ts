import { HttpAdapterHost } from '@nestjs/core';
import type { SessionData } from '../core/session.js';
import { SessionError } from '../core/util/errors.js';
import { storage } from '../nest/request/current-session.js';
import { SocketSessions } from '../nest/sockets/socket-sessions.js';
import { SessionService } from '../nest/session.service.js';
import type { Session } from '../nest/session.js';
import { requestOfFake, type FakeRequest } from './fake-session.js';

/**
 * The `SessionService` of a session that `fakeSession()` made: `current` is that session, and `login()`, `logout()`,
 * `list()` and the rest act on it and on its store.
 *
 * @throws SessionError `ERR_NO_SESSION` for another session
 * @example const sessions = fakeSessionService(await fakeSession({ subject: 'alice' }))
 */
export function fakeSessionService<T extends object = SessionData>(session: Session<T>): SessionService<T> {
  const request = requestOfFake(session);
  if (request) return new FakeSessionService<T>(request);
  throw new SessionError(
    'ERR_NO_SESSION',
    'fakeSessionService(): this session was not made by fakeSession(). Give one that was: fakeSessionService(await fakeSession()).',
  );
}

/** Each call is made as in a handler of the request. */
class FakeSessionService<T extends object> extends SessionService<T> {
  readonly #request: FakeRequest;

  constructor(request: FakeRequest) {
    const { engine, settings } = request;
    const host = new HttpAdapterHost();
    super(engine, settings, host, new SocketSessions(engine, settings, host));
    this.#request = request;
  }

  override get current(): Session<T> {
    return this.#within(() => super.current);
  }

  override login(...args: Parameters<SessionService<T>['login']>): Promise<void> {
    return this.#within(() => super.login(...args));
  }

  override relogin(...args: Parameters<SessionService<T>['relogin']>): Promise<void> {
    return this.#within(() => super.relogin(...args));
  }

  override regenerate(...args: Parameters<SessionService<T>['regenerate']>): Promise<void> {
    return this.#within(() => super.regenerate(...args));
  }

  override clear(...args: Parameters<SessionService<T>['clear']>): Promise<void> {
    return this.#within(() => super.clear(...args));
  }

  override logout(...args: Parameters<SessionService<T>['logout']>): Promise<void> {
    return this.#within(() => super.logout(...args));
  }

  override list(...args: Parameters<SessionService<T>['list']>): ReturnType<SessionService<T>['list']> {
    return this.#within(() => super.list(...args));
  }

  override ping(): Promise<void> {
    return this.#within(() => super.ping());
  }

  override revoke(...args: Parameters<SessionService<T>['revoke']>): Promise<number> {
    return this.#within(() => super.revoke(...args));
  }

  override revokeAll(...args: Parameters<SessionService<T>['revokeAll']>): Promise<number> {
    return this.#within(() => super.revokeAll(...args));
  }

  override open(...args: Parameters<SessionService<T>['open']>): Promise<Session<T>> {
    return this.#within(() => super.open(...args));
  }

  override connect(...args: Parameters<SessionService<T>['connect']>): Promise<Session<T>> {
    return this.#within(() => super.connect(...args));
  }

  override onEnd(...args: Parameters<SessionService<T>['onEnd']>): () => void {
    return this.#within(() => super.onEnd(...args));
  }

  /** With the option `context` off there is no current session, as in a request. */
  #within<R>(work: () => R): R {
    const { settings, current } = this.#request;
    return settings.context ? storage.run(current, work) : work();
  }
}
