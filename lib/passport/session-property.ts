import type { RequestState } from '../core/request/request-state.js';
import type { Session } from '../core/session.js';
import { SessionError } from '../core/util/errors.js';
import type { RequestSession } from '../nest/request/request-session.js';
import { loginSlot, type LoginUser } from './login-slot.js';
import { foundNobody } from './nobody-found.js';
import { PassportCookie } from './passport-cookie.js';
import type { PassportSession, SessionActions } from './passport-session.js';
import { LOGIN_KEY, SessionView, type SessionValues, type Values } from './session-view.js';
import { keepUser, keptUser, subjectOf } from './serialized-user.js';
import { Succession, type PassportServices } from './succession.js';
import { predecessorOf, Successor, type Predecessor } from './successor.js';

/** Whether `req.session` is the session of the request, or one that takes its place when it is saved. */
type Standing = { readonly kind: 'present' } | Successor;

const PRESENT: Standing = { kind: 'present' };

/**
 * The property `session` of one request.
 *
 * Passport logs in by `regenerate()`, its `passport.user` and `save()`; only the last of these tells that it is a login. So what
 * follows `regenerate()` is collected, and the present session goes on until then.
 */
export class SessionProperty implements SessionValues, SessionActions, LoginUser {
  readonly #services: PassportServices;
  readonly #current: RequestSession | undefined;
  #standing = PRESENT;
  #view = new SessionView(this, this);
  readonly #slot = loginSlot(this);
  /** Whether `passport` was set in the present view, so that it is there without a user. */
  #slotGiven = false;
  /** The session that this request leaves, until it has logged in. */
  #predecessor: Predecessor | undefined;
  /** Whether the application has asked for a cookie that outlives the browser. */
  #remember: boolean | undefined;
  /** Whether the application has logged in or out in this request. */
  #changed = false;
  /** The attempt to store a successor that is under way. */
  #saving: Promise<void> | undefined;

  /** @param current `undefined` for a request without a session: its data can be read, and is empty */
  constructor(services: PassportServices, current: RequestSession | undefined) {
    this.#services = services;
    this.#current = current;
  }

  get value(): PassportSession {
    return this.#view.session;
  }

  // The data.

  keys(): string[] {
    const keys = Object.keys(this.#data).filter((key) => key !== LOGIN_KEY);
    return this.get(LOGIN_KEY) === undefined ? keys : [...keys, LOGIN_KEY];
  }

  get(key: string): unknown {
    if (key !== LOGIN_KEY) return this.#data[key];
    return this.user === undefined && !this.#slotGiven ? undefined : this.#slot;
  }

  set(key: string, value: unknown): void {
    if (key === LOGIN_KEY) return this.#setSlot(value);
    if (this.#standing.kind === 'successor') return this.#standing.set(key, value);
    const session = this.#session;
    // After a logout by the service, a guest begins anew.
    if (session.state === 'ended') return this.#succeedWith({}).set(key, value);
    if (value === undefined) delete session.data[key];
    else session.data[key] = value;
  }

  // The login.

  get user(): unknown {
    if (this.#standing.kind === 'successor') return this.#standing.user;
    // The module's guard rejects the request if its session could not be loaded, and a logout still expires its cookie.
    if (!this.#current || this.#current.state.refusal !== undefined) return undefined;
    const { loggedIn, subject } = this.#session;
    if (!loggedIn) return undefined;
    return keptUser(this.#session.data) ?? subject;
  }

  /** A user is a login, unless it is the present one, of whom more or less is to be kept. */
  set user(user: unknown) {
    this.#slotGiven = true;
    if (this.#standing.kind === 'successor') {
      this.#standing.user = user ?? undefined;
      this.#standing.proof = undefined;
    } else if (user === undefined || user === null) {
      if (!this.#session.loggedIn) return;
      if (!this.#changed && foundNobody(this.#current!.request)) this.#services.nobodyFound.note(this.user);
      this.#succeedWith({});
    } else if (this.#session.loggedIn && this.#subjectOf(user) === this.#session.subject) {
      keepUser(this.#session, user);
    } else {
      this.#succeedWith(this.#plainData()).user = user;
    }
  }

  // What the methods of the session do.

  get id(): string | undefined {
    return this.#current?.session.id;
  }

  get cookie(): PassportCookie {
    const { engine } = this.#services;
    const session = this.#session;
    const record = this.#state.live?.handle.record;
    return new PassportCookie({
      expires: (this.#remember ?? record?.remember) ? session.expiresAt : undefined,
      now: () => this.#state.now(),
      ask: (age) => this.#askToRemember(age),
      attributes: engine.config.cookie,
    });
  }

  regenerate(): Promise<void> {
    return this.#call('req.session.regenerate()', async () => {
      const { user } = this;
      const login = user === undefined ? {} : { user };
      this.#view.retire({ ...this.#predecessor?.data, ...this.#plainData(), [LOGIN_KEY]: login });
      this.#view = new SessionView(this, this);
      this.#slotGiven = false;
      this.#succeedWith({});
    });
  }

  save(): Promise<void> {
    return this.#call('req.session.save()', () => this.#save());
  }

  reload(): Promise<void> {
    return this.#call('req.session.reload()', async () => {
      this.#standing = PRESENT;
      const state = this.#state;
      if (!state.handle) return state.bag.reset({});
      state.bag.reset(state.handle.record.data);
      await this.#services.engine.reload(state);
    });
  }

  destroy(): Promise<void> {
    return this.#call('req.session.destroy()', async () => {
      await this.#saving?.catch(() => undefined);
      this.#standing = PRESENT;
      await this.#services.engine.end(this.#state, 'logout');
    });
  }

  touch(): void {
    this.#state.countActivity(true);
  }

  // The session behind it.

  /** @throws SessionHttpException 503 if the session could not be loaded, SessionError `ERR_NO_SESSION` if there is none */
  get #session(): Session<Values> {
    if (this.#current) return this.#current.session as unknown as Session<Values>;
    throw new SessionError(
      'ERR_NO_SESSION',
      'req.session: this request has no session, so it can be neither changed nor logged in. Take the route out of the option "exclude", and keep it within cookie.path.',
    );
  }

  /** @throws as `#session` */
  get #state(): RequestState {
    void this.#session;
    return this.#current!.state;
  }

  get #data(): Values {
    if (this.#standing.kind === 'successor') return this.#standing.data;
    return this.#current ? this.#session.data : {};
  }

  #plainData(): Values {
    const { [LOGIN_KEY]: _login, ...data } = this.#data;
    return data;
  }

  #subjectOf(user: unknown): string {
    return subjectOf(user, this.#services.options);
  }

  #setSlot(value: unknown): void {
    const standing = this.#standing;
    this.user = (value as Partial<LoginUser> | undefined)?.user;
    if (standing.kind !== 'successor' || standing.user === undefined) return;
    const { name, subject, proof } = standing.predecessor;
    // A copy of the former login proves nothing anew, as `req.session.passport.user = …` by a login does.
    if (standing.user === name || this.#subjectOf(standing.user) === subject) standing.proof = proof;
  }

  #succeedWith(data: Values): Successor {
    this.#changed = true;
    this.#predecessor ??= predecessorOf(this.#state, this.#plainData(), keptUser(this.#session.data));
    const successor = new Successor(this.#predecessor, data, this.#remember);
    this.#standing = successor;
    this.#state.calls.defer(() => {
      if (this.#standing === successor && !successor.failed) void this.save();
    });
    return successor;
  }

  #askToRemember(age: number | undefined): void {
    const { limits } = this.#services.engine.config;
    this.#remember = age !== undefined && age > limits.idle;
    const session = this.#session;
    if (this.#standing.kind === 'successor') {
      this.#standing.remember = this.#remember;
      return;
    }
    if (!session.loggedIn) return;
    if (this.#state.live?.handle.record.remember === this.#remember) return;
    const { user } = this;
    const successor = this.#succeedWith(this.#plainData());
    successor.user = user;
    successor.proof = successor.predecessor.proof;
  }

  // Storing it.

  #call(name: string, work: () => Promise<void>): Promise<void> {
    const { engine } = this.#services;
    try {
      return engine.call(this.#state, name, work);
    } catch (error) {
      return engine.callOutside(name, Promise.reject<never>(error));
    }
  }

  async #save(): Promise<void> {
    // What is under way may have begun before the user was set that is to be stored now.
    if (this.#saving) await this.#saving;
    const standing = this.#standing;
    if (standing.kind === 'present') return this.#services.engine.save(this.#state);
    await (this.#saving ??= this.#store(standing));
  }

  async #store(successor: Successor): Promise<void> {
    const { user } = successor;
    try {
      await new Succession(this.#services, this.#current!).store(successor, (begun) => {
        this.#standing = PRESENT;
        if (begun) this.#predecessor = undefined;
        if (successor.user !== user) this.user = successor.user;
      });
    } catch (error) {
      successor.failed = true;
      throw error;
    } finally {
      this.#saving = undefined;
    }
  }
}
