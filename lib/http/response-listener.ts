import type { ServerResponse } from 'node:http';

/** What the owner of a hook does as the response leaves. */
export interface ResponseListener {
  /**
   * The application begins to respond. With a promise nothing leaves, neither head nor body, until it
   * is settled; if it rejects, {@link answerFailure} takes the place of the application's response.
   */
  beforeHead(status: number): void | Promise<void>;
  /** The head is being written: the last moment for headers. An error is answered as a failure. */
  onHead(response: ServerResponse): void;
  answerFailure(error: unknown): FailureAnswer;
  /** Something failed that no response can report: it was cut off, or the response for a failure failed itself. */
  onLost(error: unknown): void;
}

export interface FailureAnswer {
  status: number;
  /** @default JSON */
  contentType?: string;
  body: string;
}
