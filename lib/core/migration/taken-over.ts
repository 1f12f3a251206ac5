/** What is left, in one request, of the session of another library that came over. */
export class TakenOver {
  /** The Set-Cookie headers that the response owes. */
  #removals: readonly string[] = [];
  readonly #end: () => Promise<void>;
  readonly #cookies: readonly string[];

  /** @param cookies the Set-Cookie headers that take the old cookies away */
  constructor(cookies: readonly string[], end: () => Promise<void>) {
    this.#cookies = cookies;
    this.#end = end;
  }

  get removals(): readonly string[] {
    return this.#removals;
  }

  /** The old session is retired: the response takes its cookies away. */
  removeCookies(): void {
    this.#removals = this.#cookies;
  }

  /** Ends the old session together with the new one. Idempotent. */
  async end(): Promise<void> {
    this.removeCookies();
    await this.#end();
  }
}
