import { FakeClock } from '../../../lib/testing/fake-clock.js';
import { EventNotices } from '../../../lib/core/events/event-notices.js';
import { signNotice } from '../../../lib/core/events/notice-mac.js';
import type { SessionEvent } from '../../../lib/core/events/events.js';
import { must, type Target } from '../engine/target.js';
import { keyOf, NOW, NOW_SECRET } from './keys.js';

const CHANNEL = 'nest-sessions:events';
const key = keyOf(NOW_SECRET);
const ID = 'A'.repeat(22);

const signed = (text: string): string => signNotice(`${CHANNEL}\n${text}`, key) + text;

const textOf = (event: unknown, rest: object = {}): string =>
  JSON.stringify({ node: 'another', sent: NOW, event, ...rest });

const events: SessionEvent[] = [
  { type: 'ended', id: ID, at: 1, reason: 'logout', subject: 'alice' },
  { type: 'login', id: ID, at: 1, subject: 'alice', factor: 'pwd', remember: true },
  { type: 'data-dropped', id: ID, at: 1, keys: ['cart', 'seen'] },
  { type: 'guessing', id: '', at: 1, ip: '192.0.2.1', count: 3 },
  { type: 'suspicious', id: ID, at: 1, verdict: 'end' },
];

/** What another node has sent, with the event in it. */
const issued = new Map(events.map((event) => [signed(textOf(event)), JSON.stringify(event)]));

/** All that an event may have, and of which type. */
const TYPES: Readonly<Record<string, string>> = {
  type: 'string',
  id: 'string',
  subject: 'string',
  at: 'number',
  factor: 'string',
  remember: 'boolean',
  reason: 'string',
  verdict: 'string',
  ip: 'string',
  count: 'number',
  keys: 'object',
};

function reader(): EventNotices {
  const notices = new EventNotices(CHANNEL);
  notices.bind({ clock: new FakeClock(NOW), clockInjected: true, noticeKeys: [key], warn: () => undefined });
  return notices;
}

function check(input: string): void {
  const strict = reader();
  const event = strict.read(input);
  if (event) {
    // Base64url says the same in several ways: the text behind the MAC is what counts.
    const text = input.slice(43);
    must(
      issued.get(signed(text)) === sortedAs(event, issued.get(signed(text))),
      'only what was sent is received',
      event,
    );
    must(strict.read(input) === undefined, 'a notice is received once');
    must(strict.read(signed(text)) === undefined, 'a notice is received once, in whatever spelling');
  }
  checkSigned(input);
}

/** What a node of another version may have sent, with our key. */
function checkSigned(text: string): void {
  const notices = reader();
  const event = notices.read(signed(text));
  if (!event) return;
  must(Object.getPrototypeOf(event) === Object.prototype, 'an event is a plain object');
  for (const [name, value] of Object.entries(event))
    must(
      Object.hasOwn(TYPES, name) && typeof value === TYPES[name],
      'an event has only what it may have',
      event,
    );
  must(/^[\w-]{0,64}$/.test(event.id), 'an id is one', event.id);
  must(notices.read(signed(text)) === undefined, 'a notice is received once');
}

/** The event with its fields in the order of another text, to compare them. */
function sortedAs(event: SessionEvent, text: string | undefined): string | undefined {
  if (text === undefined) return JSON.stringify(event);
  const names = Object.keys(JSON.parse(text) as object);
  const fields = Object.entries(event).sort(([a], [b]) => names.indexOf(a) - names.indexOf(b));
  return JSON.stringify(Object.fromEntries(fields));
}

export const noticeTarget: Target = {
  name: 'notice',
  seeds: [
    ...issued.keys(),
    ...events.map((event) => textOf(event)),
    textOf({ ...events[0], __proto__: null, extra: 1 }),
    textOf(events[0], { sent: 'now' }),
    textOf({ type: 'toString', id: ID, at: 1 }),
    '[]',
    '{"node":"another","sent":1,"event":{"__proto__":{"type":"ended"}}}',
  ],
  words: [
    ...['created', 'relogin', 'rolled', 'rotated', 'regenerated', 'reused', 'tampered', 'store-failed'],
    ...['__proto__', 'constructor', 'hasOwnProperty', '"type":', '"id":', '"at":', '"subject":', '"node":'],
    ...['"sent":', String(NOW), '"event":', 'null', 'true', '{}', '[]', '{', '}', '"', ','],
  ],
  check,
  parse: (input) => {
    const notices = reader();
    notices.read(input);
    notices.read(signed(input));
  },
};
