import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { All, Controller, Param, Res } from '@nestjs/common';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { Session } from 'nest-sessions';
import { AppController } from '../support/app.js';
import { send, type Answer } from '../support/browser.js';
import { carryOut, type Call } from '../support/hook-server.js';
import { closeAll, platforms, start, type Running } from '../support/platforms.js';
import { calls, methods } from '../support/response-calls.js';
import { SpyStore } from '../support/spy-store.js';
import { COOKIE } from '../support/tokens.js';

jest.setTimeout(120_000);

interface Exchange {
  /** The number of calls that are made before the handler has waited for something. */
  paused: number;
  sequence: readonly Call[];
}

let exchange: Exchange = { paused: 0, sequence: [] };

@Controller()
class CallsController {
  /** Changes the session, and makes the calls. */
  @All('calls/:mark')
  async calls(
    @Session() session: Session<{ mark?: string }>,
    @Param('mark') mark: string,
    @Res() reply: ServerResponse & { raw?: ServerResponse },
  ): Promise<void> {
    const response = reply.raw ?? reply;
    response.on('error', () => undefined);
    session.data.mark = mark;
    for (const [i, call] of [...exchange.sequence, { method: 'end', args: [] }].entries()) {
      if (i === exchange.paused) await turn();
      carryOut(response, call);
    }
    await turn();
    if (!response.headersSent) response.destroy();
  }
}

/** `undefined` if the connection broke before the response was complete. */
const ask = (url: string, method: string, cookie?: string): Promise<Answer | undefined> =>
  send(url, method, { connection: 'close', ...(cookie !== undefined && { cookie }) }).catch(() => undefined);

const cookieOf = (answer: Answer | undefined): string | undefined =>
  answer?.setCookies.find((one) => one.startsWith(`${COOKIE}=`))?.split(';', 1)[0];

const runs = { numRuns: process.env['CI'] ? 400 : 100 };
const paused = fc.integer({ min: 0, max: 4 });

describe.each(platforms)('any sequence of calls on a response, %s', (platform) => {
  let site: Running;
  const store = new SpyStore();
  store.delay = 0;
  let mark = 0;

  beforeAll(async () => {
    site = await start(platform, { options: { store }, controllers: [AppController, CallsController] });
  });
  afterAll(closeAll);
  afterEach(() => store.heal());

  const run = (method: string, given: Exchange, cookie?: string): Promise<Answer | undefined> => {
    exchange = given;
    return ask(`${site.url}/calls/${++mark}`, method, cookie);
  };

  it('stores the session before a complete response arrives, whose cookie opens it', async () => {
    await fc.assert(
      fc.asyncProperty(methods, calls, paused, async (method, sequence, paused) => {
        const answer = await run(method, { paused, sequence });
        if (!answer || answer.status >= 400) return;
        const cookie = cookieOf(answer);
        expect(cookie).toBeDefined();
        const look = await ask(`${site.url}/look`, 'GET', cookie);
        expect(look?.json()).toMatchObject({ data: { mark: String(mark) } });
        expect(answer.headers['vary']?.toLowerCase()).toMatch(/cookie|\*/);
        expect(answer.headers['cache-control']).toMatch(/private|no-store/i);
      }),
      runs,
    );
  });

  it('never succeeds, and sets no cookie, where the store fails', async () => {
    await fc.assert(
      fc.asyncProperty(methods, calls, paused, async (method, sequence, paused) => {
        store.fail('rejects', 'create', 'commit');
        const answer = await run(method, { paused, sequence });
        store.heal();
        if (!answer) return;
        expect([500, 503]).toContain(answer.status);
        expect(cookieOf(answer)).toBeUndefined();
      }),
      runs,
    );
  });

  it('leaves the session of the cookie as it was, where the store fails', async () => {
    const cookie = cookieOf(await run('GET', { paused: 0, sequence: [] }));
    const before = String(mark);
    await fc.assert(
      fc.asyncProperty(methods, calls, paused, async (method, sequence, paused) => {
        store.fail('rejects', 'create', 'commit');
        await run(method, { paused, sequence }, cookie);
        store.heal();
        const look = await ask(`${site.url}/look`, 'GET', cookie);
        expect(look?.json()).toMatchObject({ data: { mark: before } });
      }),
      runs,
    );
  });
});
