import type { HeadHeaders } from '../headers/shared-headers.js';

/** Receives the stages of a hooked response. */
export interface ResponseListener {
  /**
   * The application starts the response. If this returns a promise, neither head nor body is sent until it
   * settles; if it rejects, the result of {@link answerFailure} replaces the application's response.
   */
  beforeHead(status: number): void | Promise<void>;
  /** Called immediately before the head is written: the last chance to set headers. An error replaces the response. */
  onHead(head: HeadHeaders): void;
  /** Returns the response for an error. If this throws, a plain 500 is sent. */
  answerFailure(error: unknown): FailureAnswer;
  /** Receives an error that no response can report: the response was cut off, or the response for a failure failed. */
  onLost(error: unknown): void;
}

export interface FailureAnswer {
  status: number;
  /** @default 'application/json; charset=utf-8' */
  contentType?: string;
  body: string;
}
