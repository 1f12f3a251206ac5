import type { SessionStore } from '../core/store.js';
import { committingSpecs } from './contract/committing.js';
import { keepingSpecs } from './contract/keeping.js';
import { listingSpecs } from './contract/listing.js';
import { racingSpecs } from './contract/racing.js';
import { StoreSubject, TEST_TIMEOUT } from './contract/subject.js';

/**
 * The contract of a store as a suite of tests, for Jest or for Vitest with `globals: true`.
 *
 * The store is made once; the suite binds it before the first test and closes it after the last. Every
 * test makes sessions and subjects of its own, so the server behind the store may be shared and need not
 * be empty. No test moves a clock, so a store whose expiry is its server's business passes as well.
 *
 * @param name what the suite is called in the report
 * @param makeStore makes the store; what it opens besides, such as a client, is closed by your own `afterAll`
 * @example describeSessionStore('MyStore', () => new MyStore({ client }))
 */
export function describeSessionStore(
  name: string,
  makeStore: () => SessionStore | Promise<SessionStore>,
): void {
  describe(`${name} keeps the contract of a session store`, () => {
    const subject = new StoreSubject();

    beforeAll(async () => subject.use(await makeStore()), TEST_TIMEOUT);

    afterAll(async () => subject.store.close?.(), TEST_TIMEOUT);

    keepingSpecs(subject);
    committingSpecs(subject);
    listingSpecs(subject);
    racingSpecs(subject);
  });
}
