import { bindingSpecs } from './contract/binding.js';
import { committingSpecs } from './contract/committing.js';
import { destroyingSpecs } from './contract/destroying.js';
import { diagnosingSpecs } from './contract/diagnosing.js';
import { expiringSpecs } from './contract/expiring.js';
import { growingSpecs } from './contract/growing.js';
import { isolatingSpecs } from './contract/isolating.js';
import { keepingSpecs } from './contract/keeping.js';
import { limitingSpecs } from './contract/limiting.js';
import { listingSpecs } from './contract/listing.js';
import { racingSpecs } from './contract/racing.js';
import { revokingSpecs } from './contract/revoking.js';
import { rotatingSpecs } from './contract/rotating.js';
import { globalRunner, type TestRunner } from './contract/runner.js';
import { StoreUnderTest, TEST_TIMEOUT } from './contract/store-under-test.js';
import { tellingSpecs, type MakeStore } from './contract/telling.js';

export type { MakeStore, TestRunner };

/** What `describeSessionStore()` takes beside the store. */
export interface StoreContractOptions {
  /**
   * Creates another store of the same engine on each call, as on another node. The tests of `publish` and `subscribe`
   * need two stores. `false` for a store that has neither method. Without it these tests are reported as skipped.
   */
  secondNode?: MakeStore | false;
  /** The functions that register the tests. @default the globals of Jest or Vitest */
  runner?: TestRunner;
  /** Milliseconds for which a test waits for an expected event or state. @default 30_000 */
  patience?: number;
}

/**
 * Registers the contract of a store as a test suite, for Jest or for Vitest with `globals: true`.
 *
 * The store is created once; the suite binds it before the first test and closes it after the last. Every
 * test creates its own sessions and subjects, so the server of the store may be shared and need not be
 * empty. No test changes a clock, so a store whose server handles the expiry can pass as well.
 *
 * @param name the name of the suite in the report
 * @param makeStore creates the store. Close other resources, such as a client, in your own `afterAll`
 * @example describeSessionStore('MyStore', () => new MyStore({ client }), { secondNode: () => new MyStore({ client }) })
 */
export function describeSessionStore(
  name: string,
  makeStore: MakeStore,
  { secondNode, runner = globalRunner(), patience }: StoreContractOptions = {},
): void {
  runner.describe(`${name} keeps the contract of a session store`, () => {
    const store = new StoreUnderTest(patience);

    runner.beforeAll(async () => store.use(await makeStore()), TEST_TIMEOUT);

    runner.afterAll(async () => store.raw.close?.(), TEST_TIMEOUT);

    keepingSpecs(runner, store);
    isolatingSpecs(runner, store);
    expiringSpecs(runner, store);
    destroyingSpecs(runner, store);
    committingSpecs(runner, store);
    rotatingSpecs(runner, store);
    growingSpecs(runner, store);
    bindingSpecs(runner, store);
    listingSpecs(runner, store);
    limitingSpecs(runner, store);
    revokingSpecs(runner, store);
    racingSpecs(runner, store);
    diagnosingSpecs(runner, store);
    tellingSpecs(runner, store, secondNode);
  });
}
