import { FakeClock } from 'nest-sessions/testing';
import type { Page } from 'playwright-core';
import { send } from '../support/browser.js';
import { describeInChromium } from '../support/chromium.js';
import { SECRET } from '../support/platforms.js';
import { DEMO_PASSWORDS, startSample, type ListeningSample } from '../support/sample.js';
import {
  changeEmail,
  cookieHeader,
  fillLogin,
  isLoggedOut,
  logIn,
  proveAgain,
  says,
} from '../support/sample-page.js';

describeInChromium('the GraphQL sample in Chromium', (open) => {
  let sample: ListeningSample;
  let clock: FakeClock;

  beforeEach(async () => {
    clock = new FakeClock();
    sample = await startSample('03-graphql/src', { secret: SECRET, reloginWindow: '5m', clock });
  });
  afterEach(() => sample.app.close());

  it('keeps the notes of a visitor over the login, and nothing of a user over the logout', async () => {
    const page = await open(sample.url);
    expect(await page.context().cookies()).toEqual([]);
    await addNote(page, 'buy paper');
    await logIn(page, 'alice');
    await addNote(page, 'buy ink');
    expect(await page.locator('#notes > li').allInnerTexts()).toEqual(['buy paper', 'buy ink']);
    const copied = await cookieHeader(page);
    expect(await nameOf(copied)).toBe('Alice');
    await page.getByRole('button', { name: 'Log out' }).click();
    await isLoggedOut(page);
    expect(await page.locator('#notes > li').allInnerTexts()).toEqual([]);
    expect(await page.context().cookies()).toEqual([]);
    expect(await nameOf(copied)).toBeUndefined();
  });

  it('says that a password is wrong, and that a note is too long', async () => {
    const page = await open(sample.url);
    await fillLogin(page, 'alice', 'coffee');
    await says(page, 'User name or password is wrong.');
    await fillNote(page, 'x'.repeat(101));
    await says(page, 'A note has 1 to 100 characters.');
    expect(await page.context().cookies()).toEqual([]);
  });

  it('asks for the password where the login is too old, and then does what was asked for', async () => {
    const page = await open(sample.url);
    await logIn(page, 'alice');
    clock.advance('5m');
    await changeEmail(page, 'within@example.com');
    await page.locator('#email', { hasText: 'within@example.com' }).waitFor();

    clock.advance('1s');
    const copied = await cookieHeader(page);
    await changeEmail(page, 'after@example.com');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('300 seconds').waitFor();
    await proveAgain(page, 'wrong');
    await says(page, 'That is not the password.');
    expect(await page.locator('#email').innerText()).toBe('within@example.com');

    await changeEmail(page, 'after@example.com');
    await proveAgain(page, DEMO_PASSWORDS.alice);
    await page.locator('#email', { hasText: 'after@example.com' }).waitFor();
    const codes = await page.locator('#log').innerText();
    expect(codes).toContain('→ ERR_RELOGIN_REQUIRED');
    // The re-login gave the session a new secret; the copy of before is dead.
    expect(await nameOf(copied)).toBeUndefined();
    expect(await nameOf(await cookieHeader(page))).toBe('Alice');
  });

  it('changes nothing if the password is not given', async () => {
    const page = await open(sample.url);
    await logIn(page, 'bob');
    clock.advance('6m');
    await changeEmail(page, 'other@example.com');
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.reload();
    await page.getByRole('heading', { name: 'Hello' }).waitFor();
    expect(await page.locator('#email').innerText()).toBe('bob@example.com');
  });

  it('logs out another device, whose next operation is refused', async () => {
    const [here, there] = [await open(sample.url), await open(sample.url)];
    for (const page of [there, here]) await logIn(page, 'alice');
    expect(await here.locator('#devices > li').count()).toBe(2);
    await here.getByRole('button', { name: 'Log it out' }).click();
    await here.locator('#devices > li').nth(1).waitFor({ state: 'detached' });
    await changeEmail(there, 'thief@example.com');
    await says(there, 'You are logged out. Log in to go on.');
    await isLoggedOut(there);
    expect(await there.locator('#log').innerText()).toContain('→ ERR_LOGIN_REQUIRED');
    await here.reload();
    await here.locator('#email', { hasText: 'alice@example.com' }).waitFor();
  });

  it('ends no session of somebody else by its id', async () => {
    const [alice, bob] = [await open(sample.url), await open(sample.url)];
    await logIn(alice, 'alice');
    await logIn(bob, 'bob');
    const { devices } = await ask<{ devices: { id: string }[] }>(
      await cookieHeader(alice),
      '{ devices { id } }',
    );
    const revoke = `mutation { revokeDevice(id: "${devices[0]!.id}") }`;
    expect(await ask(await cookieHeader(bob), revoke)).toEqual({ revokeDevice: false });
    expect(await nameOf(await cookieHeader(alice))).toBe('Alice');
  });

  /** One operation of a client that has nothing but the cookie, as a thief. */
  async function ask<Data>(cookie: string, query: string): Promise<Data> {
    const answer = await send(`${sample.url}/graphql`, 'POST', { cookie }, { query });
    return answer.json<{ data: Data }>().data;
  }

  const nameOf = async (cookie: string): Promise<string | undefined> =>
    (await ask<{ me: { name: string } | null }>(cookie, '{ me { name } }')).me?.name;
});

async function fillNote(page: Page, text: string): Promise<void> {
  await page.getByLabel('Note').fill(text);
  await page.getByRole('button', { name: 'Add' }).click();
}

async function addNote(page: Page, text: string): Promise<void> {
  await fillNote(page, text);
  await page.locator('#notes > li', { hasText: text }).waitFor();
}
