/** What the suite needs of a test runner. `expect` is that of Jest or Vitest, as a global, in any case. */
export interface TestRunner {
  describe(title: string, body: () => void): void;
  /** @param timeout milliseconds */
  it(title: string, body: () => Promise<void>, timeout?: number): void;
  /** Registers a test that is reported as skipped. */
  skip(title: string, body: () => Promise<void>): void;
  beforeAll(body: () => Promise<void>, timeout?: number): void;
  afterAll(body: () => Promise<void>, timeout?: number): void;
}

/** Jest, or Vitest with `globals: true`: looked up when the suite is registered. */
export const globalRunner = (): TestRunner => ({
  describe: (title, body) => void describe(title, body),
  it: (title, body, timeout) => void it(title, body, timeout),
  skip: (title, body) => void it.skip(title, body),
  beforeAll: (body, timeout) => void beforeAll(body, timeout),
  afterAll: (body, timeout) => void afterAll(body, timeout),
});
