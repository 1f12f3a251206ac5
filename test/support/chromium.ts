import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

export const hasChromium = existsSync(EXECUTABLE);

export const HOW_TO_GET_IT = `There is no Chromium at ${EXECUTABLE}. Get it with: apt-get install chromium, or name another in the environment variable CHROMIUM.`;

/** Debian's Chromium without a window, that talks to nobody but the application under test. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
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
  });
}
