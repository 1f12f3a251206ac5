import type { SessionEvent } from '../../../../lib/core/events/events.js';
import { StoreHealth } from '../../../../lib/core/storage/health/store-health.js';
import { SessionError, unavailable } from '../../../../lib/core/util/errors.js';
import { FakeClock } from 'nest-sessions/testing';

const MINUTE = 60_000;

function aHealth() {
  const clock = new FakeClock();
  const lines: string[] = [];
  const events: SessionEvent[] = [];
  const health = new StoreHealth('store', {
    clock,
    warn: (message) => lines.push(`warn: ${message}`),
    error: (message) => lines.push(`error: ${message}`),
    emit: (event) => events.push(event),
  });
  const fail = (times = 1, error: unknown = new Error('connection lost')) => {
    for (let i = 0; i < times; i++) health.read.failed(error);
  };
  return { clock, lines, events, health, fail };
}

describe('the health of a store', () => {
  it('logs and emits nothing while all is well', () => {
    const { lines, events, health } = aHealth();
    for (let i = 0; i < 1_000; i++) health.read.succeeded();
    expect([lines, events, health.read.failing]).toEqual([[], [], false]);
  });

  it('logs the first failure with its cause, at once and once', () => {
    const { lines, events, health, fail, clock } = aHealth();
    fail(500);
    expect(lines).toEqual([
      expect.stringMatching(/^error: The session store cannot be read \(Error: connection lost\)/),
    ]);
    const at = clock.now();
    const failed = {
      type: 'store-failed',
      id: '',
      at,
      part: 'store',
      access: 'read',
      cause: 'Error: connection lost',
    };
    expect(events).toEqual([failed]);
    expect([health.read.failing, health.write.failing]).toEqual([true, false]);
  });

  it('logs once a minute while it lasts, with the number of failures since', () => {
    const { lines, events, fail, clock } = aHealth();
    fail(3);
    clock.advance(MINUTE - 1);
    fail(7);
    expect(lines).toHaveLength(1);
    clock.advance(1);
    fail(1, new Error('another cause'));
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/still cannot be read \(Error: another cause\)\. 10 calls failed since/);
    fail(4);
    clock.advance(MINUTE);
    fail();
    expect(lines[2]).toMatch(/ 5 calls failed since/);
    expect(lines).toHaveLength(3);
    expect(events).toHaveLength(1);
  });

  it('logs once that it is over, with the number of failures and how long it took', () => {
    const { lines, events, health, fail, clock } = aHealth();
    fail(3);
    clock.advance(72_500);
    fail(2);
    for (let i = 0; i < 3; i++) health.read.succeeded();
    expect(lines).toHaveLength(3);
    expect(lines[2]).toBe('warn: The session store can be read again, after 72.5 s in which 5 calls failed.');
    const at = clock.now();
    const recovered = {
      type: 'store-recovered',
      id: '',
      at,
      part: 'store',
      access: 'read',
      count: 5,
      duration: 72_500,
    };
    expect(events.slice(1)).toEqual([recovered]);
  });

  it('counts reads and writes apart', () => {
    const { lines, events, health } = aHealth();
    health.write.failed(new Error('READONLY'));
    for (let i = 0; i < 10; i++) health.read.succeeded();
    health.write.failed(new Error('READONLY'));
    expect(lines).toEqual([expect.stringMatching(/cannot be written \(Error: READONLY\)/)]);
    health.write.succeeded();
    expect(lines[1]).toMatch(/can be written again.* 2 calls failed/);
    expect(events.map((event) => [event.type, 'access' in event && event.access])).toEqual([
      ['store-failed', 'write'],
      ['store-recovered', 'write'],
    ]);
  });

  it('logs another outage at once, but not each of a store that fails now and then', () => {
    const { lines, events, health, fail, clock } = aHealth();
    for (let i = 0; i < 100; i++) {
      fail();
      health.read.succeeded();
      clock.advance(100);
    }
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(3);
    expect(lines).toHaveLength(6);
    // For who counts, each is there.
    expect(events).toHaveLength(200);
    clock.advance(MINUTE);
    health.read.succeeded();
    expect(lines).toHaveLength(7);
    expect(lines[6]).toMatch(/^error: .*now and then.* 97 calls failed.*works at present/);
    clock.advance(MINUTE);
    health.read.succeeded();
    expect(lines).toHaveLength(7);
  });

  it('logs an outage that others preceded within a minute after that minute', () => {
    const { lines, health, fail, clock } = aHealth();
    for (let i = 0; i < 3; i++) {
      fail();
      health.read.succeeded();
    }
    fail(5);
    clock.advance(MINUTE);
    fail();
    expect(lines.at(-1)).toMatch(/cannot be read.* 6 calls failed/);
    health.read.succeeded();
    expect(lines.at(-1)).toMatch(/can be read again, after 60\.0 s in which 6 calls failed/);
  });

  it.each<[string, unknown]>([
    ['a record that cannot be read', new SessionError('ERR_RECORD_CORRUPT', 'corrupt')],
    ['a limit of sessions', new SessionError('ERR_SESSION_LIMIT', 'limit')],
    ['a subject that the store cannot keep', new SessionError('ERR_SUBJECT', 'subject')],
  ])('takes %s for no failure', (_what, error) => {
    const { lines, events, health } = aHealth();
    health.write.failed(error);
    expect([lines, events, health.write.failing]).toEqual([[], [], false]);
  });

  it.each<[string, unknown]>([
    ['a value that the database refuses', Object.assign(new Error('bad value'), { code: '22P05' })],
    ['a conflict that outlasts every retry', Object.assign(new Error('deadlock'), { code: '40P01' })],
    [
      'the cause of another error',
      new Error('failed', { cause: Object.assign(new Error('x'), { code: '23505' }) }),
    ],
    ['a session that is too large', new RangeError('too large')],
  ])('takes %s for no failure, and warns of it once a minute', (_what, error) => {
    const { lines, events, health, clock } = aHealth();
    for (let i = 0; i < 9; i++) health.write.failed(unavailable(error));
    expect([events, health.write.failing]).toEqual([[], false]);
    expect(lines).toEqual([expect.stringMatching(/^warn: .*works, but it refused calls.*: 1,/)]);
    clock.advance(MINUTE);
    health.write.failed(error);
    expect(lines[1]).toMatch(/: 9,/);
    health.write.failed(new Error('connection lost'));
    expect(lines[2]).toMatch(/^error: .*cannot be written \(Error: connection lost\)/);
  });

  it('logs on where the clock is set back', () => {
    const lines: string[] = [];
    let time = 10 * MINUTE;
    const health = new StoreHealth('store', { clock: { now: () => time }, warn: (line) => lines.push(line) });
    health.read.failed(new Error('connection lost'));
    time -= 5 * MINUTE;
    health.read.failed(new Error('connection lost'));
    health.read.succeeded();
    expect(lines).toEqual([
      expect.stringContaining('cannot be read'),
      expect.stringContaining('still cannot be read'),
      expect.stringContaining('after 0.0 s in which 2 calls failed'),
    ]);
  });
});
