import { setImmediate as microtasks } from 'node:timers/promises';
import { TrackedPromise } from '../util/tracked-promise.js';

/** A call of the application that failed. */
export interface FailedCall {
  /** As the application wrote it: `login()`. */
  readonly name: string;
  readonly error: unknown;
}

/** Receives the first failure of a request that has no response yet. */
export interface CallWatcher {
  callFailed(): void;
}

/**
 * The calls by which an application changes the session of one request. A handler may forget to await one: the response
 * then waits for it all the same, and fails if the call did.
 */
export class Calls {
  /** Calls that are not settled yet, and whether the response waits for them. */
  #pending: Map<Promise<unknown>, boolean> | undefined;
  #failed: Failure[] | undefined;
  /** Changes that begin when the handler is done. */
  #deferred: (() => void)[] | undefined;
  #concluded = false;
  /** Without one a failure is reported only by a response. */
  watcher: CallWatcher | undefined;

  /** Whether a call is pending or deferred, or has failed and nothing handles it so far. */
  get unsettled(): boolean {
    return (
      (this.#pending !== undefined && this.#pending.size > 0) || this.#failed !== undefined || this.deferring
    );
  }

  /** Whether changes are left to the end of the handler. */
  get deferring(): boolean {
    return this.#deferred !== undefined;
  }

  /** @param begin makes the calls of a change that the application leaves to the end of its handler; called once */
  defer(begin: () => void): void {
    (this.#deferred ??= []).push(begin);
  }

  /**
   * Begins what is deferred, and resolves when the calls that the response waits for are settled, those as well that begin
   * meanwhile. Of the others those have failed by then whose write has failed.
   */
  async settled(): Promise<void> {
    for (let held = this.#begun(); held.length > 0; held = this.#begun()) await Promise.allSettled(held);
    if (this.#pending?.size) await microtasks();
  }

  /** The first failed call that nothing handles. Each of them is reported once. */
  unhandled(): FailedCall | undefined {
    const unhandled = this.#failed?.filter(({ promise }) => !promise.handled) ?? [];
    unhandled.forEach(report);
    return unhandled[0]?.call;
  }

  /** The head of the response is being sent, or never will be: from now on a failure is only reported. */
  conclude(): void {
    this.#concluded = true;
  }

  /**
   * What the application gets of a call. If nothing handles the promise when it rejects, the process goes on.
   *
   * @param held whether the response waits for the call
   * @param onUnhandled called once if nothing handles the promise by the time of the response
   */
  track<T>(
    name: string,
    work: Promise<T>,
    held: boolean,
    onUnhandled: (call: FailedCall) => void,
  ): Promise<T> {
    const pending = (this.#pending ??= new Map<Promise<unknown>, boolean>());
    const done = (): void => void pending.delete(work);
    pending.set(work, held);
    work.then(done, done);
    return TrackedPromise.of(work, (error, promise) => {
      const failure = { call: { name, error }, promise, onUnhandled, reported: false };
      const count = (this.#failed ??= []).push(failure);
      if (this.#concluded) report(failure);
      else if (count === 1) this.watcher?.callFailed();
    });
  }

  #begun(): Promise<unknown>[] {
    const deferred = this.#deferred ?? [];
    this.#deferred = undefined;
    for (const begin of deferred) begin();
    return this.#held();
  }

  #held(): Promise<unknown>[] {
    return [...(this.#pending ?? [])].filter(([, held]) => held).map(([work]) => work);
  }
}

interface Failure {
  readonly call: FailedCall;
  readonly promise: TrackedPromise<unknown>;
  readonly onUnhandled: (call: FailedCall) => void;
  reported: boolean;
}

function report(failure: Failure): void {
  if (failure.reported) return;
  failure.reported = true;
  failure.onUnhandled(failure.call);
}
