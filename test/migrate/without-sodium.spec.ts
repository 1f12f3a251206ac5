import { jest } from '@jest/globals';

jest.unstable_mockModule('sodium-native', () => {
  throw new Error('Cannot find package');
});
const { fromSecureSession } = await import('nest-sessions/migrate');
const { closeAll, start } = await import('../support/platforms.js');

afterEach(closeAll);

describe('without sodium-native', () => {
  it('a source for @fastify/secure-session fails the start, with the remedy', async () => {
    const migrate = [fromSecureSession({ key: Buffer.alloc(32, 7), map: () => undefined })];
    await expect(start('express', { options: { migrate } })).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
      message: expect.stringContaining('npm install sodium-native') as string,
    });
  });
});
