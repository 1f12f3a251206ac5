import { settingsFrom } from '../support/login-sample.js';

describe('the environment of the process', () => {
  const SESSION_SECRET = 'yT5wQ0vB8nR2kL6jH4gF1dS9aP3oI7uE';

  it('sets the secret and the window, and reaches neither the clock nor the store', async () => {
    const env = { SESSION_SECRET, RELOGIN_WINDOW: '20s', CLOCK: '0', NOW: '0', STORE: 'x', NODE_ENV: 'test' };
    expect(await settingsFrom(env)).toEqual({ secret: SESSION_SECRET, reloginWindow: 20_000 });
  });

  it.each(['banana', '0s', '-5m', '300', ''])('is refused with a window of "%s"', async (RELOGIN_WINDOW) => {
    await expect(async () => settingsFrom({ SESSION_SECRET, RELOGIN_WINDOW })).rejects.toThrow(
      /RELOGIN_WINDOW: .*20s, 5m or 1h/,
    );
  });
});
