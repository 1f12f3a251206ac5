import type { RequestState } from '../core/request/request-state.js';
import { SUSPECT } from '../core/model/policy.js';
import { keyName } from '../core/model/data-checks.js';
import { byKey } from '../core/util/texts.js';
import type { PassportLogin } from './passport.options.js';
import type { Values } from './session-view.js';

/** The login that a successor may take the place of. */
export interface Predecessor {
  readonly subject: string | undefined;
  /** The subject where it stands for the user: a login that was not by Passport has no other. */
  readonly name: string | undefined;
  /** When and how the user proved who they are. */
  readonly proof: Pick<PassportLogin, 'factor' | 'authenticatedAt'>;
  readonly data: Values;
}

/** The session that takes the place of the present one when it is saved. With a user that is a login. */
export class Successor {
  readonly kind = 'successor';
  readonly predecessor: Predecessor;
  readonly data: Values;
  user: unknown;
  /** Set where the user is not asked to prove anything: the login counts from the former proof. */
  proof: Predecessor['proof'] | undefined;
  /** Whether the application has asked for a cookie that outlives the browser. */
  remember: boolean | undefined;
  /** An attempt to store it has failed, and the application was told. */
  failed = false;

  /** @param data what it begins with */
  constructor(predecessor: Predecessor, data: Values, remember: boolean | undefined) {
    this.predecessor = predecessor;
    this.remember = remember;
    this.data = byKey(data);
  }

  /** The subject that needs not be taken from its user: it goes on from the predecessor, as a login that proves nothing anew. */
  get inherited(): string | undefined {
    return this.proof && this.user === this.predecessor.name ? this.predecessor.name : undefined;
  }

  set(key: string, value: unknown): void {
    if (value === undefined) delete this.data[key];
    else this.data[keyName(key)] = value;
  }

  /** The data for a subject. What belongs to another user stays behind, also where it was copied. */
  dataFor(subject: string): Values {
    const { predecessor } = this;
    if (predecessor.subject === undefined || predecessor.subject === subject) return this.data;
    return Object.fromEntries(
      Object.entries(this.data).filter(([key, value]) => value !== predecessor.data[key]),
    );
  }
}

/**
 * @param data of the session, without its login
 * @param kept what the serializer gave, where it is known
 */
export function predecessorOf({ live }: RequestState, data: Values, kept: unknown): Predecessor {
  const { subject, factors = {} } = live?.handle.record ?? {};
  const [latest] = Object.entries(factors)
    .filter(([factor]) => factor !== SUSPECT)
    .sort(([, a], [, b]) => b - a);
  const name = kept === undefined ? subject : undefined;
  return { subject, name, proof: latest ? { factor: latest[0], authenticatedAt: latest[1] } : {}, data };
}
