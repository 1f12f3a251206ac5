import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { SessionEngine } from '../core/engine.js';
import { Session as CoreSession, stateOf, type SessionData } from '../core/session.js';
import { Concealed } from '../core/util/concealed.js';
import { resolveSettings, type SessionSettings } from '../nest/options/session.settings.js';
import { attached } from '../nest/request/current-session.js';
import { CookiePath } from '../nest/routes/cookie-path.js';
import { RequestHook } from '../nest/request/request-hook.js';
import type { RequestSession } from '../nest/request/request-session.js';
import { SessionEntry } from '../nest/request/session.entry.js';
import type { LoggedInSession, Session } from '../nest/session.js';
import { createEngine } from '../nest/session.module.js';
import { SessionTestingModule, type SessionTestingOptions } from './session-testing.module.js';
import { pairOf, storeSession, type FakeSessionOptions } from './stored-session.js';

export type { FakeSessionOptions };

/** What made a session, by which a service acts on it. */
export interface FakeRequest {
  engine: SessionEngine;
  settings: SessionSettings;
  current: RequestSession;
}

const requests = new WeakMap<object, FakeRequest>();

export const requestOfFake = (session: object): FakeRequest | undefined => requests.get(session);

/**
 * A session as a handler gets it, without an application and without HTTP, for unit tests. It is no mock: the engine of
 * the library opened it, over a `MemoryStore` and by a `FakeClock`, and what is wrong throws as it does in a request. A
 * service that acts on it comes from `fakeSessionService()`. Nothing commits at the end: call `session.commit()`. It rejects
 * as well if a call failed that was not awaited, as the response does in an application.
 *
 * @param given who is logged in, since when and by which factor, and the data. By default an anonymous visitor's, which is `new`
 * @param options of the module, such as `{ clock, data: Schema }`
 * @throws SessionError `ERR_OPTIONS`, `ERR_SUBJECT`, `ERR_FACTOR`, `ERR_DATA_INVALID`
 * @example const session = await fakeSession({ subject: 'alice', data: { cart: ['tea'] } })
 */
export function fakeSession<T extends object = SessionData>(
  given: FakeSessionOptions<NoInfer<T>> & { subject: string },
  options?: SessionTestingOptions,
): Promise<LoggedInSession<T>>;
export function fakeSession<T extends object = SessionData>(
  given?: FakeSessionOptions<NoInfer<T>>,
  options?: SessionTestingOptions,
): Promise<Session<T>>;
export async function fakeSession<T extends object>(
  given: FakeSessionOptions<T> = {},
  options: SessionTestingOptions = {},
): Promise<Session<T>> {
  const { secret, ...all } = SessionTestingModule.options(options);
  const settings = await resolveSettings({ ...all, secret: new Concealed(secret) });
  const engine = createEngine(all.store, settings);
  const cookie = await storeSession('fakeSession()', engine, given);
  const current = await enter(engine, settings, cookie && pairOf(cookie));
  const session = fakeOf<T>(current, engine);
  requests.set(session, { engine, settings, current });
  return session;
}

/** Takes the place of the session that the request has. */
function fakeOf<T extends object>(current: RequestSession, engine: SessionEngine): Session<T> {
  // Its getter refuses a request whose session could not be loaded.
  const session = new FakeSession<T>(stateOf(current.session), engine);
  Object.defineProperty(current, 'session', { value: session });
  return session as Session<T>;
}

/** Its `commit()` is what the response is in an application: it fails if a call failed that nothing awaits. */
class FakeSession<T extends object> extends CoreSession<T> {
  override commit(): Promise<void> {
    const { calls } = stateOf(this);
    if (!calls.unsettled) return super.commit();
    const { engine, current } = requests.get(this)!;
    return engine.callInBackground(current.state, 'session.commit()', async () => {
      await calls.settled();
      const failed = calls.unhandled();
      await super.commit();
      if (failed) throw failed.error;
    });
  }
}

/** A request that came from nowhere, with a response that nobody awaits, through the entry that all requests take. */
async function enter(
  engine: SessionEngine,
  settings: SessionSettings,
  cookie: string | undefined,
): Promise<RequestSession> {
  const request = new IncomingMessage(new Socket());
  if (cookie !== undefined) request.headers.cookie = cookie;
  const entry = new SessionEntry(engine, settings, new RequestHook(), new CookiePath(settings));
  await new Promise<void>((resolve, reject) => {
    entry.use(request, new ServerResponse(request), (error) =>
      error instanceof Error ? reject(error) : resolve(),
    );
  });
  // The entry attaches a session to every request, one that could not be loaded included.
  return attached(request)!;
}
