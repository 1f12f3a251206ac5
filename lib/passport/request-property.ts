import type { FrameworkRequest } from '../http/request-facts.js';
import { SessionError } from '../core/util/errors.js';
import { attached } from '../nest/request/current-session.js';
import { SessionProperty } from './session-property.js';
import type { PassportServices } from './succession.js';

/** Gives the requests of an application the property `session`. */
export class RequestProperty {
  readonly #services: PassportServices;
  /** Requests whose session is opened before middleware runs, or that are to have none. */
  readonly #expected = new WeakSet<FrameworkRequest>();
  readonly #properties = new WeakMap<FrameworkRequest, SessionProperty>();

  constructor(services: PassportServices) {
    this.#services = services;
  }

  /** Called with the raw request before its session is opened. */
  expect(request: FrameworkRequest): void {
    this.#expected.add(request);
  }

  /** Of a request, or of the prototype of all requests of an application. */
  get descriptor(): PropertyDescriptor {
    const of = (request: FrameworkRequest): SessionProperty | undefined => this.#of(request);
    return {
      configurable: true,
      enumerable: true,
      get(this: FrameworkRequest): unknown {
        return of(this)?.value;
      },
      set(this: FrameworkRequest, value: unknown): void {
        if (value !== null && value !== undefined) throw notReplaceable();
        // As in cookie-session. The response waits for it, and fails if it does.
        void of(this)?.destroy();
      },
    };
  }

  /** `undefined` where the session is still to be opened, so that Passport fails and does not take the user for a guest. */
  #of(request: FrameworkRequest & { raw?: FrameworkRequest }): SessionProperty | undefined {
    const raw = request.raw ?? request;
    const known = this.#properties.get(raw);
    if (known) return known;
    const current = attached(raw);
    if (!current && !this.#expected.has(raw)) return undefined;
    const property = new SessionProperty(this.#services, current);
    this.#properties.set(raw, property);
    return property;
  }
}

const notReplaceable = (): SessionError =>
  new SessionError(
    'ERR_DATA_INVALID',
    'req.session cannot be replaced: set its properties, or end it by req.session.destroy() or req.session = null. A second library of sessions has no place beside PassportSessions.',
  );
