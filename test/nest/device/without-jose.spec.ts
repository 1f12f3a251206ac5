import { jest } from '@jest/globals';

jest.unstable_mockModule('jose', () => {
  throw Object.assign(new Error("Cannot find package 'jose'"), { code: 'ERR_MODULE_NOT_FOUND' });
});
const { closeAll, start } = await import('../../support/platforms.js');

afterEach(closeAll);

describe('without the package jose', () => {
  it('the option "deviceBound" fails the start, with the remedy', async () => {
    await expect(start('express', { options: { deviceBound: true } })).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
      message: expect.stringMatching(/deviceBound: .*jose.*"npm install jose"/) as string,
    });
  });

  it('nothing else asks for it', async () => {
    await expect(start('express', { options: { deviceBound: false } })).resolves.toBeDefined();
  });
});
