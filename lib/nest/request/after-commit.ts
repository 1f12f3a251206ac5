import { Observable, type Observer, type Subscriber } from 'rxjs';

/** What is asked before a value of a handler is passed on. */
export interface Gate {
  /** Where it returns a promise the value waits for it. */
  commit(): void | Promise<void>;
  /** The error in place of one of the handler or of {@link commit}. */
  failed(cause: unknown): unknown;
}

/**
 * The values of a handler, each passed on when it is committed. `mergeMap` and `catchError` would do the
 * same with one more Observable for each value, while most values have nothing to wait for.
 */
export const afterCommit = <T>(source: Observable<T>, gate: Gate): Observable<T> =>
  new Observable((subscriber) => source.subscribe(new Passage(subscriber, gate)));

class Passage<T> implements Observer<T> {
  readonly #subscriber: Subscriber<T>;
  readonly #gate: Gate;
  #waiting = 0;
  #completed = false;

  constructor(subscriber: Subscriber<T>, gate: Gate) {
    this.#subscriber = subscriber;
    this.#gate = gate;
  }

  next(value: T): void {
    const committed = this.#gate.commit();
    if (!committed) return this.#subscriber.next(value);
    this.#waiting++;
    committed.then(
      () => this.#passLate(value),
      (cause: unknown) => this.error(cause),
    );
  }

  error(cause: unknown): void {
    this.#subscriber.error(this.#gate.failed(cause));
  }

  complete(): void {
    this.#completed = true;
    if (this.#waiting === 0) this.#subscriber.complete();
  }

  #passLate(value: T): void {
    this.#waiting--;
    this.#subscriber.next(value);
    if (this.#completed && this.#waiting === 0) this.#subscriber.complete();
  }
}
