import { SessionModule, type SessionModuleOptions } from 'nest-sessions';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, SECRET, start } from '../support/platforms.js';
import { load } from './examples.js';

afterEach(closeAll);

type Presets = Record<'aal1' | 'aal2' | 'aal3', SessionModuleOptions>;

/** The limits of NIST SP 800-63B-4, §2.1.3, §2.2.3, §2.3.3, in hours; `idle` where one is recommended. */
const LIMITS = [
  { level: 'aal1', overall: 30 * 24, idle: 30 * 24 },
  { level: 'aal2', overall: 24, idle: 1 },
  { level: 'aal3', overall: 12, idle: 0.25 },
] as const;

const HOUR = 60 * 60 * 1000;

describe.each(platforms)('the presets of NIST on %s', (platform) => {
  const cases = LIMITS.flatMap((limit) => [true, false].map((remember) => ({ ...limit, remember })));

  async function logIn(level: keyof Presets, remember: boolean) {
    const presets = await load<Presets>('docs/compliance.md', 'NIST SP 800-63B-4: reauthentication', {
      SessionModule,
      secret: SECRET,
    });
    const { url, clock } = await start(platform, { controllers: [AppController], options: presets[level] });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice', remember });
    return { clock, status: async () => (await browser.get('/me')).status };
  }

  it.each(cases)('$level ends after inactivity (remember: $remember)', async ({ level, idle, remember }) => {
    const { clock, status } = await logIn(level, remember);
    clock.advance(idle * HOUR - 1);
    expect(await status()).toBe(200);
    clock.advance(idle * HOUR);
    expect(await status()).toBe(401);
  });

  it.each(cases)(
    '$level ends after its overall limit (remember: $remember)',
    async ({ level, overall, idle, remember }) => {
      const { clock, status } = await logIn(level, remember);
      const step = Math.min(idle / 2, overall / 4) * HOUR;
      for (let at = step; at < overall * HOUR; at += step) {
        clock.advance(step);
        expect([at / HOUR, await status()]).toEqual([at / HOUR, 200]);
      }
      clock.advance(step);
      expect(await status()).toBe(401);
    },
  );
});
