import { createSecretKey } from 'node:crypto';
import { DevicePolicy } from '../../../lib/core/device/device-policy.js';
import { DeviceTokens } from '../../../lib/core/device/device-tokens.js';
import { DEVICE_KEY, type SessionRecord } from '../../../lib/core/model/record.js';
import { contextWith, LIMITS, liveWith, recordOf, REMEMBER } from './engine-contexts.js';
import { live, NOW, unopened } from './request-states.js';
import { token } from './snapshots.js';

const DAY = 24 * 60 * 60 * 1000;

const { context } = contextWith();

describe('the limits of a session', () => {
  it('are longer where it is remembered', () => {
    expect(context.limitsOf(undefined)).toBe(LIMITS);
    expect(context.limitsOf({ remember: false })).toBe(LIMITS);
    expect(context.limitsOf({ remember: true })).toBe(REMEMBER);
  });

  it.each([
    [{ startedAt: NOW, lastSeenAt: NOW - 999 }, undefined, 1],
    [{ startedAt: NOW, lastSeenAt: NOW - 1_000 }, 'idle', 0],
    [{ startedAt: NOW - 5_001, lastSeenAt: NOW }, 'lifetime', -1],
    [{ startedAt: NOW - 5_001, lastSeenAt: NOW, remember: true }, undefined, 100_000],
  ])('tell of %j which one has passed, and for how long to keep it', (times, timeout, left) => {
    const record = recordOf(times);
    expect(context.timeoutOf(record, NOW)).toBe(timeout);
    expect(context.recordExpiry(record)).toBe(NOW + left);
    expect(context.ttl(record, NOW)).toBe(Math.max(0, left));
    expect(context.expiryOf(liveWith(times))).toBe(NOW + left);
  });

  it('count from now for a request without a session', () => {
    expect(context.expiryOf(unopened())).toBe(NOW + 1_000);
  });
});

describe('what stays open', () => {
  const record = recordOf({ subject: 'alice', startedAt: NOW - 40 });

  it('needs no proof of the device without the option', () => {
    expect(context.accessUntil(live(), record)).toBe(Infinity);
  });

  it.each<[string, boolean, Partial<SessionRecord>, number]>([
    ['where no session has to be bound', false, {}, Infinity],
    ['of a session that is to be bound a moment after its login', true, {}, NOW + 20],
    [
      'of a bound session',
      true,
      { extra: { [DEVICE_KEY]: JSON.stringify(['ES256', 'B'.repeat(43), NOW - 61, 'x', 'y', 'nonce']) } },
      NOW + 7,
    ],
  ])('%s goes on as the policy of devices says', (_, required, change, until) => {
    const tokens = new DeviceTokens([createSecretKey(Buffer.alloc(32))]);
    const cookie = { name: 'bound', path: '/', sameSite: 'lax', secure: true, partitioned: false } as const;
    const device = new DevicePolicy({
      tokens,
      cookie,
      lifetime: 100,
      grace: 60,
      required,
      algorithms: ['ES256'],
    });
    const state = live();
    state.provedUntil = NOW + 7;
    expect(contextWith({ device }).context.accessUntil(state, { ...record, ...change })).toBe(until);
  });
});

describe('the deciding clock', () => {
  it('is queried once where no record has brought its time', async () => {
    const { context: engine, log } = contextWith();
    const state = unopened();
    expect(await engine.time(state)).toEqual({ now: NOW + 70, skew: 70 });
    expect(await engine.time(state)).toEqual({ now: NOW + 70, skew: 70 });
    expect(log).toEqual(['time']);
  });

  it.each([0, -30])('is not queried where it is known to be %d ms ahead', async (skew) => {
    const { context: engine, log } = contextWith();
    const state = unopened();
    state.opened(token({ skew }));
    expect(await engine.time(state)).toEqual({ now: NOW + skew, skew });
    expect(log).toEqual([]);
  });
});

describe('the terms of a rotation', () => {
  it.each([
    [false, true, { remember: false }, { honoured: true, pendingFor: 1_000, presented: false }],
    [true, false, { remember: true }, { honoured: false, pendingFor: 100_000, presented: true }],
  ])('presented: %s, honoured: %s, of %j', (present, honoured, change, terms) => {
    const { live: state } = liveWith(change, present);
    expect(context.rotation(state!, honoured)).toEqual({ grace: 60, ...terms });
  });

  it.each([
    [DAY - 1, DAY - 1],
    [DAY, DAY],
    [DAY + 1, DAY],
  ])('with an idle timeout of %d ms wait %d ms for the successor', (idle, pending) => {
    expect(context.pendingFor(idle)).toBe(pending);
  });
});

describe('the draft of a session', () => {
  it('begins now, with an id of its own and nothing in it', () => {
    const { id, ...rest } = context.draft(NOW, {});
    expect(id).toMatch(/^[\w-]{22}$/);
    expect(context.draft(NOW, {}).id).not.toBe(id);
    const times = { createdAt: NOW, startedAt: NOW, lastSeenAt: NOW, rotatedAt: NOW };
    expect(rest).toEqual({ secretHash: '', revision: 0, factors: {}, ...times, remember: false, data: {} });
  });

  it('takes over what is given', () => {
    const given = { id: 'own', subject: 'alice', factors: { pwd: 5 }, remember: true, data: { a: '1' } };
    expect(context.draft(NOW, given)).toMatchObject({ ...given, startedAt: NOW });
  });
});
