import { createSecretKey, type KeyObject } from 'node:crypto';
import type { SessionEvent } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { EventNotices } from '../../../lib/core/events/event-notices.js';
import { TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { signNotice, verifyNotice } from '../../../lib/core/events/notice-mac.js';
import { Signer } from '../../../lib/core/token/signer.js';

const keyOf = (secret: string) => createSecretKey(Buffer.from(secret));

const SECRET = 'a secret that all nodes share, of 32 bytes';
const OLD = 'the secret before it, which still verifies';
const FOREIGN = 'a secret of somebody else, of 32 bytes, too';
const CHANNEL = 'nest-sessions:events';

const ID = 'A'.repeat(22);
const ended: SessionEvent = { type: 'ended', id: ID, at: 1, reason: 'logout', subject: 'alice' };

interface Setup {
  secrets?: string[];
  channel?: string;
  clock?: FakeClock;
}

function aNode({ secrets = [SECRET], channel = CHANNEL, clock = new FakeClock() }: Setup = {}) {
  const warnings: string[] = [];
  const notices = new EventNotices(channel);
  notices.bind({
    clock,
    clockInjected: true,
    noticeKeys: secrets.map(keyOf),
    warn: (message) => warnings.push(message),
  });
  return { notices, warnings, clock };
}

/** A notice as whoever has the secret can make it. */
function noticeOf(clock: FakeClock, event: unknown, rest: object = {}): string {
  const text = JSON.stringify({ node: 'another', sent: clock.now(), event, ...rest });
  return signNotice(`${CHANNEL}\n${text}`, keyOf(SECRET)) + text;
}

describe('the event notices between nodes', () => {
  it('comes to the others as it was, and not to oneself', () => {
    const [one, two] = [aNode(), aNode()];
    const notice = one.notices.write(ended)!;
    expect(two.notices.read(notice)).toEqual(ended);
    expect(one.notices.read(notice)).toBeUndefined();
    expect([one.notices.dropped, two.notices.dropped]).toEqual([0, 0]);
  });

  it('is dropped without a MAC of our secret, counted, and warned of once a minute', () => {
    const { notices, warnings } = aNode();
    const admin: SessionEvent = {
      type: 'login',
      id: ID,
      subject: 'admin',
      at: 1,
      factor: 'pwd',
      remember: false,
    };
    const text = JSON.stringify({ node: 'x', sent: 0, event: admin });
    const genuine = aNode().notices.write(ended)!;
    const forged = [
      text,
      JSON.stringify({ origin: 'x', event: admin }),
      'A'.repeat(43) + text,
      signNotice(`${CHANNEL}\n${text}`, keyOf(FOREIGN)) + text,
      aNode({ secrets: [FOREIGN] }).notices.write(admin)!,
      aNode({ channel: 'another:events' }).notices.write(admin)!,
      genuine.replace('alice', 'admin'),
      genuine.slice(0, 40),
      `${genuine} `,
      genuine + ' '.repeat(10_000),
      '',
      'null',
    ];
    for (const notice of forged) expect(notices.read(notice)).toBeUndefined();
    expect(notices.dropped).toBe(forged.length);
    expect(warnings).toEqual([expect.stringMatching(/were dropped: 1\. Somebody else publishes/)]);
    expect(notices.read(genuine)).toEqual(ended);
  });

  it('is signed with the newest secret and verified with each', () => {
    const [before, between, after] = [
      aNode({ secrets: [OLD] }),
      aNode({ secrets: [SECRET, OLD] }),
      aNode({ secrets: [SECRET] }),
    ];
    expect(between.notices.read(before.notices.write(ended)!)).toEqual(ended);
    expect(after.notices.read(between.notices.write(ended)!)).toEqual(ended);
    expect(after.notices.read(before.notices.write(ended)!)).toBeUndefined();
  });

  it('is emitted once, however often it arrives, in whatever form', () => {
    const { notices, clock } = aNode();
    const notice = aNode().notices.write(ended)!;
    expect(notices.read(notice)).toEqual(ended);
    // The last character of 43 has two bits to spare.
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (const char of last) notices.read(notice.slice(0, 42) + char + notice.slice(43));
    for (let i = 0; i < 12; i++) {
      expect(notices.read(notice)).toBeUndefined();
      clock.advance('30s');
    }
  });

  it.each([
    ['4m', true],
    ['5m', true],
    [5 * 60_000 + 1, false],
    ['1d', false],
  ] as const)('that is %s old, or ahead, is heard: %s', (age, heard) => {
    const [sender, later] = [aNode(), aNode()];
    later.clock.advance(age);
    const event = heard ? ended : undefined;
    expect(later.notices.read(sender.notices.write(ended)!)).toEqual(event);
    expect(sender.notices.read(later.notices.write(ended)!)).toEqual(event);
  });

  it('is remembered within bounds: what may have been forgotten is dropped, not emitted again', () => {
    const { notices, clock } = aNode();
    const first = noticeOf(clock, ended);
    expect(notices.read(first)).toEqual(ended);
    clock.advance(1);
    for (let i = 0; i < 20_000; i++) notices.read(noticeOf(clock, { ...ended, at: i }));
    expect(notices.read(first)).toBeUndefined();
    clock.advance(1);
    expect(notices.read(noticeOf(clock, ended))).toEqual(ended);
  });

  it.each([
    { type: 'created', id: ID, at: 1 },
    { type: 'login', id: ID, at: 1, subject: 'alice', factor: 'pwd', remember: true },
    { type: 'relogin', id: ID, at: 1, factor: 'otp' },
    { type: 'rolled', id: ID, at: 1 },
    { type: 'rotated', id: ID, at: 1 },
    { type: 'ended', id: '', at: 1, reason: 'revoked' },
    { type: 'reused', id: ID, at: 1 },
    { type: 'suspicious', id: ID, at: 1, verdict: 'end' },
    { type: 'tampered', id: '', at: 1 },
    { type: 'guessing', id: '', at: 1, ip: '::1', count: 7 },
    { type: 'data-dropped', id: ID, at: 1, keys: ['cart'] },
  ])('comes without what nobody knows: $type', (event) => {
    const { notices, clock } = aNode();
    const more = { ...event, remote: false, isAdmin: true, constructor: 'x' };
    expect(notices.read(noticeOf(clock, more))).toStrictEqual(event);
  });

  it.each([
    null,
    [],
    'ended',
    {},
    { ...ended, type: 'promoted' },
    { ...ended, type: 'constructor' },
    { ...ended, type: undefined },
    { ...ended, id: 7 },
    { ...ended, id: '<script>' },
    { ...ended, id: 'A'.repeat(65) },
    { ...ended, at: '1' },
    { ...ended, at: null },
    { ...ended, subject: '' },
    { ...ended, subject: 'x'.repeat(256) },
    { ...ended, subject: { $ne: null } },
    { ...ended, reason: 'nonsense' },
    { ...ended, reason: 'toString' },
    { ...ended, reason: undefined },
    { ...ended, type: 'login', factor: 'pwd' },
    { ...ended, type: 'login', factor: 7, remember: true },
    { ...ended, type: 'suspicious', verdict: 'ok' },
    { ...ended, type: 'guessing', ip: '::1', count: 'many' },
    { ...ended, type: 'data-dropped', keys: [7] },
    { type: 'store-failed', id: '', at: 1, part: 'store', access: 'read', cause: 'a matter of one node' },
    { type: 'store-recovered', id: '', at: 1, part: 'store', access: 'read', count: 1, duration: 1 },
  ])('is left out where a field does not fit: %j', (event) => {
    const { notices, clock } = aNode();
    expect(notices.read(noticeOf(clock, event))).toBeUndefined();
    expect(notices.read(noticeOf(clock, ended, { sent: 'now' }))).toBeUndefined();
  });

  it('is neither emitted nor accepted without keys', () => {
    const { notices } = aNode({ secrets: [] });
    expect(notices.possible).toBe(false);
    expect(notices.write(ended)).toBeUndefined();
    expect(notices.read(aNode().notices.write(ended)!)).toBeUndefined();
  });

  it('has a key that is derived for it alone', () => {
    const [key] = new Signer([SECRET], '__Host-session', TOKEN_LENGTH).derived('notice') as [KeyObject];
    expect(key.export().equals(Buffer.from(SECRET))).toBe(false);
    expect(verifyNotice('text', signNotice('text', key), [keyOf(OLD), key])).toBe(true);
    expect(verifyNotice('text.', signNotice('text', key), [key])).toBe(false);
    expect(verifyNotice('text', '', [key])).toBe(false);
  });
});
