import { FakeClock } from 'nest-sessions/testing';
import type { Page } from 'playwright-core';
import { describeInChromium } from '../support/chromium.js';
import { SECRET } from '../support/platforms.js';
import { isLoggedOut, logIn, proveAgain, says } from '../support/sample-page.js';
import { DEMO_PASSWORDS, startSample, type ListeningSample } from '../support/sample.js';

describeInChromium('the gateway sample in Chromium', (open) => {
  let sample: ListeningSample;
  let clock: FakeClock;

  beforeEach(async () => {
    clock = new FakeClock();
    sample = await startSample('04-gateway/src', { secret: SECRET, reloginWindow: '5m', clock });
  });
  afterEach(() => sample.app.close());

  async function enter(user: keyof typeof DEMO_PASSWORDS): Promise<Page> {
    const page = await open(sample.url);
    await logIn(page, user);
    await socketSays(page, 'The socket is open');
    return page;
  }

  it('closes the socket of a device that is logged out from another, whose next request is a 401', async () => {
    const [there, here] = [await enter('alice'), await enter('alice')];
    const bob = await enter('bob');
    await tell(there, 'hello');
    await lines(bob, ['Alice: hello']);
    await tell(bob, 'hello');
    await lines(here, ['Alice: hello', 'Bob: hello']);
    await here.getByRole('button', { name: 'Send a request' }).click();
    await here.locator('#devices > li').nth(1).waitFor();

    await here.getByRole('button', { name: 'Log it out' }).click();
    await socketSays(there, 'The socket was closed: 4401, revoked');
    // Nothing but the socket told the page: it has asked for nothing since.
    expect(await there.locator('#log > li').first().innerText()).toContain('4401, revoked');
    const response = there.waitForResponse('**/me');
    await there.getByRole('button', { name: 'Send a request' }).click();
    expect((await response).status()).toBe(401);
    await isLoggedOut(there);

    // Nobody else's socket has closed, and what is said does not reach the one that has.
    await tell(here, 'still here');
    await lines(bob, ['Alice: hello', 'Bob: hello', 'Alice: still here']);
    await socketSays(here, 'The socket is open');
    expect(await there.locator('#lines').textContent()).not.toContain('still here');
  });

  it('closes the socket of the other tab at the logout', async () => {
    const tab = await enter('alice');
    const other = await tab.context().newPage();
    await other.goto(sample.url);
    await socketSays(other, 'The socket is open');
    await tab.getByRole('button', { name: 'Log out' }).click();
    for (const page of [tab, other]) await socketSays(page, 'The socket was closed: 4401, logout');
    await isLoggedOut(tab);
  });

  it('asks for the password before a sensitive message, and sends it again over the same socket', async () => {
    const page = await enter('alice');
    await tell(page, 'to be cleared');
    clock.advance('5m');
    clock.advance('1s');
    await page.getByRole('button', { name: 'Clear the chat' }).click();
    await proveAgain(page, 'wrong');
    await says(page, 'That is not the password.');
    await lines(page, ['Alice: to be cleared']);
    await page.getByRole('button', { name: 'Clear the chat' }).click();
    await proveAgain(page, DEMO_PASSWORDS.alice);
    await lines(page, []);
    expect(await page.locator('#log').innerText()).not.toContain('closed');
  });

  it('closes the socket when the session has been idle for too long', async () => {
    const page = await enter('alice');
    clock.advance('30m');
    await socketSays(page, 'The socket was closed: 4401, idle');
  });

  it('counts what was said in the session, and refuses a message that is none', async () => {
    const page = await enter('bob');
    await tell(page, 'one');
    await tell(page, 'x'.repeat(201));
    await says(page, 'A message has 1 to 200 characters.');
    await tell(page, 'two');
    await page.locator('#said', { hasText: '2' }).waitFor();
    await lines(page, ['Bob: one', 'Bob: two']);
  });

  it('takes no socket of a visitor', async () => {
    const page = await open(sample.url);
    await isLoggedOut(page);
    const refused = await page.evaluate(
      `new Promise((resolve) => io({ forceNew: true }).on('connect_error', ({ data }) => resolve(data.code)))`,
    );
    expect(refused).toBe('ERR_LOGIN_REQUIRED');
    expect(await page.context().cookies()).toEqual([]);
  });
});

const socketSays = (page: Page, text: string): Promise<void> =>
  page.locator('#socket', { hasText: text }).waitFor();

async function tell(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message').fill(text);
  await page.getByRole('button', { name: 'Say it' }).click();
}

/** Waits until these are the lines of the chat, and fails in the end if others are. */
const lines = async (page: Page, expected: string[]): Promise<void> => {
  await page.locator('#lines > li').nth(expected.length).waitFor({ state: 'detached' });
  for (const [index, text] of expected.entries())
    await page.locator('#lines > li').nth(index).getByText(text, { exact: true }).waitFor();
};
