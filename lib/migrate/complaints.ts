import { Complaint } from '../core/util/complaint.js';
import type { Warn } from '../core/migration/source.js';

const CHECK = 'See docs/migration.md, "Check before you switch". This is logged at most once a minute.';

/** Tells that cookies are refused, because a secret that is not the old application's logs all users out without an error. */
export class Genuineness {
  /** Given at the start. */
  warn: Warn = () => undefined;
  readonly #complaint: Complaint;
  #genuine = 0;

  /** @param cookie its name */
  constructor(source: string, cookie: string, now?: () => number) {
    this.#complaint = new Complaint(
      (message) => this.warn(message),
      (refused) =>
        `migrate: ${source}: cookies "${cookie}" that none of the secrets verifies: ${refused}; that one does: ${this.#taken()}. Whoever sent the former has to log in. Some are normal, of another application or a secret out of use. If it is most of them, the secret, or the form of the cookie, is not what the old application has. ${CHECK}`,
      now,
    );
  }

  note(genuine: boolean): void {
    if (genuine) this.#genuine++;
    else this.#complaint.note();
  }

  /** Of the time since the last warning, as the number of refused ones. */
  #taken(): number {
    const genuine = this.#genuine;
    this.#genuine = 0;
    return genuine;
  }
}

/** So many different sessions without a record are no chance, if none has one. */
const MANY = 20;

/**
 * Tells that the old store has no record of any session whose cookie is genuine: it is another store, or has another prefix.
 * A record that has expired, or was ended by a logout, is normal, so a single record that is found ends this for good.
 */
export class Lookups {
  /** Given at the start. */
  warn: Warn = () => undefined;
  readonly #complaint: Complaint;
  readonly #missed = new Set<string>();
  #found = false;

  constructor(source: string, now?: () => number) {
    this.#complaint = new Complaint(
      (message) => this.warn(message),
      () =>
        `migrate: ${source}: of the first ${MANY} sessions with a genuine cookie the old store has none, so their users have to log in. Is it the same database, with the same prefix or table, as in the old application? If all old sessions have expired, remove "migrate". ${CHECK}`,
      now,
    );
  }

  /** @param sid of a session that a request presented */
  note(sid: string, found: boolean): void {
    if (this.#found) return;
    if (found) {
      this.#found = true;
      this.#missed.clear();
      return;
    }
    if (this.#missed.size < MANY) this.#missed.add(sid);
    if (this.#missed.size === MANY) this.#complaint.note();
  }
}
