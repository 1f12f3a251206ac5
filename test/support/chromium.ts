import { existsSync } from 'node:fs';
import { jest } from '@jest/globals';
import { chromium, type Browser, type BrowserContext, type LaunchOptions, type Page } from 'playwright-core';

const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

export const hasChromium = existsSync(EXECUTABLE);

export const HOW_TO_GET_IT = `There is no Chromium at ${EXECUTABLE}. Get it with: apt-get install chromium, or name another in the environment variable CHROMIUM.`;

const OPTIONS: LaunchOptions & { args: string[] } = {
  executablePath: EXECUTABLE,
  // People's browsers keep whole pages for the Back button, so this one does too.
  ignoreDefaultArgs: ['--disable-back-forward-cache'],
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};

/** Debian's Chromium without a window, that talks to nobody but the application under test. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch(OPTIONS);
}

/**
 * A Chromium that binds sessions to keys, which it keeps in software, with a profile that outlasts it.
 *
 * @param spki of the certificate that it accepts. `--ignore-certificate-errors` would turn device-bound sessions off
 * @param binds false for the control: as browsers without the feature
 * @param args more arguments of its command line
 */
export async function launchBindingChromium(
  profile: string,
  spki: string,
  binds = true,
  args: readonly string[] = [],
): Promise<BrowserContext> {
  const features = 'DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting';
  const context = await chromium.launchPersistentContext(profile, {
    ...OPTIONS,
    args: [
      ...OPTIONS.args,
      `--ignore-certificate-errors-spki-list=${spki}`,
      ...(binds ? [`--enable-features=${features}`] : []),
      ...args,
    ],
  });
  if (binds) await deviceSessionsOf(context);
  return context;
}

/** Until the browser has loaded the device-bound sessions of its profile. A login before that would not be bound. */
async function deviceSessionsOf(context: BrowserContext): Promise<void> {
  const cdp = await context.newCDPSession(context.pages()[0] ?? (await context.newPage()));
  const loaded = new Promise((resolve) => cdp.once('Network.deviceBoundSessionsAdded' as never, resolve));
  await cdp.send('Network.enableDeviceBoundSessions' as never, { enable: true } as never);
  await loaded;
}

/** Opens a page in a browser of its own: nothing is shared with another's cookies. */
export type Open = (url: string) => Promise<Page>;

/** Specs that need Chromium, whose pages they open in one browser; after each every page is closed. */
export function describeInChromium(name: string, specs: (open: Open) => void): void {
  describeWithChromium(name, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launchChromium();
    });
    afterAll(() => browser.close());
    afterEach(async () => {
      for (const context of browser.contexts()) await context.close();
    });
    specs(async (url) => {
      const context = await browser.newContext({ baseURL: url });
      const page = await context.newPage();
      // Bounds every step of a spec.
      page.setDefaultTimeout(10_000);
      await page.goto('/');
      return page;
    });
  });
}

/**
 * Specs that launch Chromium themselves. Without it the report says that they were skipped, and how to get it; in CI that is
 * a failure.
 */
export function describeWithChromium(name: string, specs: () => void): void {
  describe(name, () => {
    if (!hasChromium) {
      it(`SKIPPED: ${HOW_TO_GET_IT}`, () => {
        console.warn(`\n*** The browser specs were SKIPPED. ${HOW_TO_GET_IT} ***\n`);
        if (process.env['CI']) throw new Error(HOW_TO_GET_IT);
      });
      return;
    }
    jest.setTimeout(60_000);
    specs();
  });
}
