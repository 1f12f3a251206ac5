import type { Page } from 'playwright-core';
import { DEMO_PASSWORDS } from './sample.js';

// What a user does on the pages of the samples.

export async function fillLogin(page: Page, user: string, password: string): Promise<void> {
  await page.getByLabel('User name').fill(user);
  await page.locator('#login').getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

export async function logIn(page: Page, user: keyof typeof DEMO_PASSWORDS): Promise<void> {
  await fillLogin(page, user, DEMO_PASSWORDS[user]);
  await page.getByRole('heading', { name: 'Hello' }).waitFor();
}

export const isLoggedOut = (page: Page): Promise<void> =>
  page.getByRole('heading', { name: 'Log in' }).waitFor();

export async function changeEmail(page: Page, email: string): Promise<void> {
  await page.getByLabel('New e-mail address').fill(email);
  await page.getByRole('button', { name: 'Change it' }).click();
}

/** Gives the password that the page asks for before something sensitive. */
export async function proveAgain(page: Page, password: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Password').fill(password);
  await dialog.getByRole('button', { name: 'Go on' }).click();
}

export const says = (page: Page, text: string): Promise<void> =>
  page.getByRole('status').getByText(text).waitFor();

/** The Cookie header that a thief copies. */
export async function cookieHeader(page: Page): Promise<string> {
  const cookies = await page.context().cookies();
  return cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
}
