import { checkedPage, type RevocationPage } from '../../lib/revocations/revocation-source.js';

const valid: RevocationPage = {
  epoch: 'one',
  time: 1_000.5,
  cursor: 7,
  revocations: [],
  unreadable: 0,
  more: false,
};

describe('a page of a revocation list', () => {
  it.each([{}, { epoch: '' }, { time: 0 }, { time: -1 }, { cursor: 0 }, { cursor: Number.MAX_SAFE_INTEGER }])(
    'is taken with %j',
    (change) => {
      const page = { ...valid, ...change };
      expect(checkedPage(page)).toBe(page);
    },
  );

  it.each([
    { epoch: undefined },
    { epoch: 1 },
    { time: NaN },
    { time: Infinity },
    { time: '1000' },
    { cursor: NaN },
    { cursor: 1.5 },
    { cursor: -1 },
    { cursor: Number.MAX_SAFE_INTEGER + 1 },
    { cursor: '7' },
  ])('is refused with %p', (change) => {
    expect(() => checkedPage({ ...valid, ...change } as RevocationPage)).toThrow(
      expect.objectContaining({
        code: 'ERR_STORE_UNAVAILABLE',
        // All that a log says of it.
        cause: expect.objectContaining({ message: expect.stringContaining('revocation list') }),
      }),
    );
  });
});
