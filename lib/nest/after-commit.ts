import { Observable } from 'rxjs';

/**
 * The values of a handler, each passed on when it is committed. `mergeMap` and `catchError` would do the
 * same with one more Observable for each value, while most values have nothing to wait for.
 *
 * @param commit called before a value is passed on; where it returns a promise the value waits for it
 * @param failed the error in place of one of the source or of `commit`
 */
export function afterCommit<T>(
  source: Observable<T>,
  commit: () => void | Promise<void>,
  failed: (error: unknown) => unknown,
): Observable<T> {
  return new Observable((subscriber) => {
    let waiting = 0;
    let completed = false;
    const error = (cause: unknown): void => subscriber.error(failed(cause));
    const passLate = (value: T): void => {
      waiting--;
      subscriber.next(value);
      if (completed && waiting === 0) subscriber.complete();
    };
    return source.subscribe({
      next(value) {
        const committed = commit();
        if (!committed) return subscriber.next(value);
        waiting++;
        committed.then(() => passLate(value), error);
      },
      error,
      complete() {
        completed = true;
        if (waiting === 0) subscriber.complete();
      },
    });
  });
}
