/** The functions that the suite needs from a test runner. `expect` is always the global of Jest or Vitest. */
export interface TestRunner {
  /** Registers a suite. */
  describe(title: string, body: () => void): void;
  /**
   * Registers a test.
   *
   * @param timeout in milliseconds
   */
  it(title: string, body: () => Promise<void>, timeout?: number): void;
  /** Registers a test that is reported as skipped. */
  skip(title: string, body: () => Promise<void>): void;
  /**
   * Runs once, before the tests of the suite.
   *
   * @param timeout in milliseconds
   */
  beforeAll(body: () => Promise<void>, timeout?: number): void;
  /**
   * Runs once, after the tests of the suite.
   *
   * @param timeout in milliseconds
   */
  afterAll(body: () => Promise<void>, timeout?: number): void;
}

/** The globals of Jest, or of Vitest with `globals: true`. Read when the suite is registered. */
export const globalRunner = (): TestRunner => ({
  describe: (title, body) => void describe(title, body),
  it: (title, body, timeout) => void it(title, body, timeout),
  skip: (title, body) => void it.skip(title, body),
  beforeAll: (body, timeout) => void beforeAll(body, timeout),
  afterAll: (body, timeout) => void afterAll(body, timeout),
});
