import type { MigratedLogin } from '../../../lib/core/migration/source.js';
import { assertLogin, migratedDraft } from '../../../lib/core/operations/migrated-draft.js';
import { HOUR, switching } from './switching.js';

const { context, clock } = switching([]);
const NOW = clock.now();
const DEVICE = { ip: '192.0.2.1' };
/** The earliest time in milliseconds that is not taken for seconds. */
const FIRST = 100_000_000_000;

const draftOf = (login: unknown) => migratedDraft(context, login as MigratedLogin, NOW, DEVICE);

describe('the session that begins with one of another library', () => {
  it('has who logged in, when, how and for how long', () => {
    const loggedInAt = NOW - HOUR;
    const data = { cart: ['apple'], left: undefined };
    const login = { subject: 'alice', loggedInAt, factor: 'otp', remember: true, data };
    expect(draftOf(login)).toEqual({
      provedAt: loggedInAt,
      draft: {
        id: expect.any(String) as string,
        secretHash: '',
        revision: 0,
        subject: 'alice',
        factors: { otp: loggedInAt },
        createdAt: loggedInAt,
        startedAt: loggedInAt,
        lastSeenAt: NOW,
        rotatedAt: NOW,
        remember: true,
        device: DEVICE,
        data: { cart: '["apple"]' },
      },
    });
  });

  it('begins now, with a login by password that no window accepts, where nothing more is known', () => {
    const { draft, provedAt } = draftOf({ subject: 'alice' });
    expect(provedAt).toBe(0);
    expect(draft).toMatchObject({ factors: { pwd: 0 }, remember: false, createdAt: NOW, startedAt: NOW });
    expect(draft.data).toEqual({});
  });

  it('is of a visitor, with the data alone, where nobody is logged in', () => {
    const { draft, provedAt } = draftOf({ subject: null, data: { cart: 1 }, remember: true });
    expect(provedAt).toBeUndefined();
    expect(draft).toMatchObject({ factors: {}, remember: false, data: { cart: '1' } });
    expect('subject' in draft || 'device' in draft).toBe(false);
  });

  it.each<[string, unknown, number]>([
    ['milliseconds', NOW - 1, NOW - 1],
    ['the time of now', NOW, NOW],
    ['a date', new Date(NOW - HOUR), NOW - HOUR],
    ['the earliest time', FIRST, FIRST],
    ['zero, which says that it is unknown', 0, 0],
    ['the beginning of the epoch as a date', new Date(0), 0],
    ['a time in the future, which proves nothing', NOW + 1, 0],
  ])('takes as the time of the login %s', (_, loggedInAt, proved) => {
    const { draft, provedAt } = draftOf({ subject: 'alice', loggedInAt });
    expect(provedAt).toBe(proved);
    // The lifetime of a login at an unknown time begins now.
    const since = proved === 0 ? NOW : proved;
    expect(draft).toMatchObject({ factors: { pwd: proved }, createdAt: since, startedAt: since });
  });

  it('keeps what JSON writes in another way, such as a date, as what a schema reads', () => {
    const at = new Date(FIRST);
    expect(draftOf({ subject: null, data: { at } }).draft.data).toEqual({ at: JSON.stringify(at) });
  });

  it.each<[string, unknown]>([
    ['seconds', FIRST - 1],
    ['a negative time', -NOW],
    ['an invalid date', new Date(NaN)],
    ['NaN', NaN],
    ['no end', Infinity],
    ['a text', '2029-01-01'],
    ['a large text', String(NOW)],
    ['null', null],
  ])('does not take as the time of the login %s', (_, loggedInAt) => {
    expect(() => draftOf({ subject: 'alice', loggedInAt })).toThrow(/returned loggedInAt/);
  });

  it.each(['undefined', 'null', 'NaN', '[object Object]'])('is not of the user %s', (subject) => {
    expect(() => draftOf({ subject })).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }) as Error);
  });

  it('names the remedy for a user that is an object', () => {
    expect(() => draftOf({ subject: '[object Object]' })).toThrow(/String\(old\.passport\.user\.id\)/);
    expect(() => draftOf({ subject: 'undefined' })).not.toThrow(/String\(/);
  });

  it.each<[string, object, string]>([
    ['an empty user id', { subject: '' }, 'ERR_SUBJECT'],
    ['a missing user id', {}, 'ERR_SUBJECT'],
    ['a factor that is there without a value', { subject: 'alice', factor: undefined }, 'ERR_FACTOR'],
    ['data that are a list', { subject: 'alice', data: ['cart'] }, 'ERR_DATA_INVALID'],
    [
      'data that JSON does not keep',
      { subject: null, data: { cart: new Map() } },
      'ERR_DATA_NOT_SERIALIZABLE',
    ],
  ])('refuses %s', (_, login, code) => {
    expect(() => draftOf(login)).toThrow(expect.objectContaining({ code }) as Error);
  });
});

describe('what a map returns', () => {
  it('passes where it is an object', () => {
    expect(() => assertLogin({ subject: 'alice' })).not.toThrow();
  });

  it.each<[string, unknown]>([
    ['a text', 'alice'],
    ['a function', () => ({ subject: 'alice' })],
    ['nothing', undefined],
  ])('is refused where it is %s', (_, login) => {
    expect(() => assertLogin(login)).toThrow(/a value of type/);
    expect(() => draftOf(login)).toThrow(/a value of type/);
  });

  it('is refused where it is a promise, whose error ends nothing', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', listener);
    expect(() => assertLogin(Promise.reject(new Error('late')))).toThrow(/returned a promise/);
    await new Promise(setImmediate);
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });
});
