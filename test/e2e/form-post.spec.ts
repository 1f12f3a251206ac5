import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import type { INestApplication, Type } from '@nestjs/common';
import type { Browser } from 'playwright-core';
import { load } from '../docs/examples.js';
import { AppController } from '../support/app.js';
import { hasChromium, HOW_TO_GET_IT, launchChromium } from '../support/chromium.js';
import { closeAll, platforms, start } from '../support/platforms.js';

if (hasChromium) {
  describe.each(platforms)('the recipe for form_post in Chromium, on %s', inChromium);
} else {
  describe('the recipe for form_post in Chromium', () => {
    it(`SKIPPED: ${HOW_TO_GET_IT}`, () => {
      console.warn(`\n*** The browser specs were SKIPPED. ${HOW_TO_GET_IT} ***\n`);
      if (process.env['CI']) throw new Error(HOW_TO_GET_IT);
    });
  });
}

/** A provider that responds with `form_post`. It is at 127.0.0.1, the application at localhost: two sites. */
async function startProvider(callback: () => string): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const state = new URL(request.url!, 'http://idp.invalid').searchParams.get('state')!;
    response.setHeader('Content-Type', 'text/html').end(
      `<form method="post" action="${callback()}">
         <input name="state" value="${state}"><input name="code" value="c">
       </form><script>document.forms[0].submit()</script>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function inChromium(platform: (typeof platforms)[number][0]): void {
  jest.setTimeout(60_000);
  let chromium: Browser;
  let provider: { server: Server; url: string };
  let site = '';

  beforeAll(async () => {
    chromium = await launchChromium();
    provider = await startProvider(() => `${site}/oidc/callback`);
  });
  afterEach(closeAll);
  afterAll(async () => {
    await chromium.close();
    provider.server.close();
  });

  async function open(seen: { method: string; cookie: boolean }[]) {
    class Provider {
      authorizationUrl(state: string): string {
        return `${provider.url}/authorize?state=${encodeURIComponent(state)}`;
      }

      redeem() {
        return Promise.resolve({ subject: 'alice', authenticatedAt: new Date(Date.UTC(2029, 0)) });
      }
    }
    const page = 'docs/recipes.md';
    const { OidcController } = await load<{ OidcController: Type }>(page, 'OAuth and OpenID Connect', {
      Provider,
    });
    const { FormPostController } = await load<{ FormPostController: Type }>(page, 'form_post');
    const { url } = await start(platform, {
      controllers: [AppController, OidcController, FormPostController],
      providers: [Provider],
      prepare: (app: INestApplication) =>
        void app.use(
          (
            { method, url, headers }: { method: string; url: string; headers: { cookie?: string } },
            _response: unknown,
            next: () => void,
          ) => {
            if (url.includes('callback')) seen.push({ method, cookie: headers.cookie !== undefined });
            next();
          },
        ),
    });
    site = url.replace('127.0.0.1', 'localhost');
    return chromium.newPage();
  }

  it('logs in, though the POST comes without the cookie', async () => {
    const seen: { method: string; cookie: boolean }[] = [];
    const page = await open(seen);
    await page.goto(`${site}/oidc/start?next=/me`);
    await page.waitForURL(`${site}/me`);
    expect(await page.innerText('body')).toBe('{"subject":"alice"}');
    expect(seen).toEqual([
      { method: 'POST', cookie: false },
      { method: 'GET', cookie: true },
    ]);
    await page.close();
  });
}
