import { sign } from 'cookie-signature';
import type { IncomingMessage } from 'node:http';
import { fromExpressSession, type ConnectStoreLike } from 'nest-sessions/migrate';
import { Genuineness, Lookups } from '../../lib/migrate/complaints.js';

const MINUTE = 60_000;

describe('cookies that no secret verifies', () => {
  it('are counted, beside those that one does, once a minute', () => {
    const lines: string[] = [];
    let now = 0;
    const told = new Genuineness('express-session', 'sid', () => now);
    told.warn = (line) => lines.push(line);
    told.note(true);
    told.note(false);
    for (let i = 0; i < 5; i++) told.note(false);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('cookies "sid" that none of the secrets verifies: 1; that one does: 1.');
    now = MINUTE;
    told.note(false);
    expect(lines[1]).toContain('none of the secrets verifies: 6; that one does: 0.');
  });
});

describe('sessions of which the old store has no record', () => {
  function lookups() {
    const lines: string[] = [];
    const clock = { now: 0 };
    const told = new Lookups('express-session', () => clock.now);
    told.warn = (line) => lines.push(line);
    const miss = (from: number, to: number) => {
      for (let i = from; i < to; i++) told.note(`sid-${i}`, false);
    };
    return { lines, clock, told, miss };
  }

  it('are told of once twenty different ones came and none has a record, once a minute', () => {
    const { lines, clock, miss } = lookups();
    miss(0, 19);
    miss(0, 19);
    expect(lines).toEqual([]);
    miss(19, 30);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('with the same prefix');
    expect(lines[0]).not.toContain('sid-');
    clock.now = MINUTE;
    miss(30, 31);
    expect(lines).toHaveLength(2);
  });

  it('are normal where a single one has a record', () => {
    const { lines, told, miss } = lookups();
    miss(0, 19);
    told.note('sid-live', true);
    miss(100, 200);
    expect(lines).toEqual([]);
  });

  it('are those of requests, as the store of the source answers', async () => {
    const lines: string[] = [];
    const store: ConnectStoreLike = {
      get: (_sid, done) => done(null, undefined),
      set: (_sid, _next, done) => done?.(null),
      destroy: (_sid, done) => done?.(null),
    };
    const source = fromExpressSession({ secret: 'x', store, map: () => undefined });
    await source.ready!((line) => lines.push(line));
    for (let i = 0; i < 20; i++) {
      const cookie = `connect.sid=${encodeURIComponent(`s:${sign(`sid-${i}`, 'x')}`)}`;
      const old = await source.find({ headers: { cookie } } as IncomingMessage);
      expect(lines).toEqual([]);
      expect(await old!.load(0)).toBeUndefined();
    }
    expect(lines).toHaveLength(1);
    // What is known from our own session says nothing of the store: a logout at an old node ends it.
    const other = fromExpressSession({ secret: 'x', store, map: () => undefined });
    await other.ready!((line) => lines.push(line));
    for (let i = 0; i < 20; i++) await other.reopen!(`sid-${i}`).load(0);
    expect(lines).toHaveLength(1);
  });
});
