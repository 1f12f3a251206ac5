import { ResponseLimits } from '../../../lib/core/request/response-limits.js';

const OPEN = { closed: false, detached: false, tooLateForCookie: false };
const flagsOf = ({ closed, detached, tooLateForCookie }: ResponseLimits) => ({
  closed,
  detached,
  tooLateForCookie,
});

/** The code of the error of each check, or `undefined`. */
const checksOf = (limits: ResponseLimits) =>
  Object.fromEntries(
    (['assertChangeable', 'assertStorable', 'assertReachable', 'assertAnswerable'] as const).map((check) => {
      try {
        limits[check]();
        return [check, undefined];
      } catch (error) {
        return [check, (error as { code: string }).code];
      }
    }),
  );

describe('a response', () => {
  it.each<[string, (limits: ResponseLimits) => void, object, object]>([
    ['that has not begun', () => undefined, {}, {}],
    [
      'whose head is sent',
      (limits) => limits.close(),
      { closed: true },
      {
        assertChangeable: 'ERR_HEAD_SENT',
        assertStorable: 'ERR_HEAD_SENT',
        assertAnswerable: 'ERR_HEAD_SENT',
      },
    ],
    [
      'of a handshake, which there is not,',
      (limits) => limits.detach(),
      { detached: true },
      { assertReachable: 'ERR_NO_RESPONSE', assertAnswerable: 'ERR_NO_RESPONSE' },
    ],
    [
      'of a handshake that is over',
      (limits) => (limits.detach(), limits.close()),
      { detached: true, closed: true },
      {
        assertChangeable: 'ERR_HEAD_SENT',
        assertStorable: 'ERR_HEAD_SENT',
        assertReachable: 'ERR_NO_RESPONSE',
        assertAnswerable: 'ERR_HEAD_SENT',
      },
    ],
    [
      'that comes too late for a cookie',
      (limits) => limits.cookieComesTooLate(true),
      { tooLateForCookie: true },
      {},
    ],
    [
      'that comes in time for a cookie after all',
      (limits) => (limits.cookieComesTooLate(true), limits.cookieComesTooLate(false)),
      {},
      {},
    ],
  ])('%s', (_, change, flags, checks) => {
    const limits = new ResponseLimits();
    change(limits);
    expect(flagsOf(limits)).toEqual({ ...OPEN, ...flags });
    expect(checksOf(limits)).toEqual({ ...checksOf(new ResponseLimits()), ...checks });
  });

  it('that has not begun permits everything', () => {
    const permitted = new Array<undefined>(4).fill(undefined);
    expect(Object.values(checksOf(new ResponseLimits()))).toEqual(permitted);
  });

  it.each([
    ['assertChangeable', 'session.commit()'],
    ['assertChangeable', 'session.update()'],
    ['assertStorable', 'session.commit()'],
    ['assertReachable', 'HTTP'],
  ] as const)('fails %s() with an error whose remedy is by %s', (check, remedy) => {
    const limits = new ResponseLimits();
    limits.detach();
    limits.close();
    expect(() => limits[check]()).toThrow(remedy);
  });
});
