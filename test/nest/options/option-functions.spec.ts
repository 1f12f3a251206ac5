import { isSessionError } from 'nest-sessions';
import { checkedFunction } from '../../../lib/nest/options/shapes/option-functions.js';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

afterEach(closeAll);

describe('checkedFunction', () => {
  const limit = (result: unknown) =>
    checkedFunction('maxSessions', () => result, Number.isInteger, 'a whole number');

  it('returns a valid result', () => {
    expect(limit(3)()).toBe(3);
  });

  it.each([
    [NaN, 'NaN'],
    [null, 'null'],
    ['3', 'a value of type string'],
    [Promise.resolve(3), 'a promise'],
  ])('rejects %p', (result, named) => {
    expect(limit(result)).toThrow(
      `SessionModule: maxSessions: the function must return a whole number, and not ${named}.`,
    );
  });

  it('handles the rejection of a promise, which would end the process', async () => {
    const unhandled: unknown[] = [];
    const collect = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', collect);
    expect(limit(Promise.reject(new Error('no database')))).toThrow('a promise');
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', collect);
    expect(unhandled).toEqual([]);
  });

  it('throws ERR_OPTIONS', () => {
    let thrown: unknown;
    try {
      limit(0.5)();
    } catch (error) {
      thrown = error;
    }
    expect(isSessionError(thrown) && thrown.code).toBe('ERR_OPTIONS');
  });
});

describe.each(platforms)('on %s', (platform) => {
  it.each([0, -1, NaN, 2.5, '3', Promise.resolve(3)])(
    'no login takes place if maxSessions() returns %p',
    async (result) => {
      const { url } = await start(platform, {
        controllers: [AppController],
        options: { maxSessions: () => result as number },
      });
      const browser = new Browser(url);
      expect((await browser.post('/login', { user: 'alice' })).status).toBe(500);
      expect((await browser.get('/me')).json()['subject']).toBeUndefined();
    },
  );

  it.each([undefined, Infinity, 1])('a login takes place if maxSessions() returns %p', async (result) => {
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { maxSessions: () => result },
    });
    expect((await new Browser(url).post('/login', { user: 'alice' })).status).toBe(200);
  });

  it('a request with a session is rejected if protection() returns a promise', async () => {
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { protection: (() => Promise.resolve('ok')) as never },
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/me')).status).toBe(500);
  });
});
