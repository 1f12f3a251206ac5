import { REJECTIONS } from '../../../lib/core/model/reject-reason.js';

/** Of several tokens, the reason in the lowest line here decides. Those of one line are equals. */
const ORDER = [
  ['idle', 'lifetime'],
  ['foreign'],
  ['tampered'],
  ['unknown', 'ended'],
  ['corrupt'],
  ['evicted'],
  ['replaced', 'superseded', 'unproved', 'unbound'],
  ['reused'],
];

const names = Object.entries(REJECTIONS);

describe('a token that opens no session', () => {
  it('decides for the response by how much its reason says', () => {
    const ranks = [...new Set(names.map(([, { rank }]) => rank))].sort((a, b) => a - b);
    expect(ranks.map((at) => names.filter(([, { rank }]) => rank === at).map(([name]) => name))).toEqual(
      ORDER,
    );
  });

  it('expires a cookie that no session can come of any more', () => {
    const expired = names.filter(([, { cookie }]) => cookie === 'expire').map(([name]) => name);
    expect(expired).toEqual(['idle', 'lifetime', 'unknown', 'ended', 'corrupt', 'evicted', 'reused']);
  });

  it('ends the session for the reason that the token was rejected for', () => {
    expect(names.flatMap(([name, { ends }]) => (ends ? [[name, ends]] : []))).toEqual([
      ['idle', 'idle'],
      ['lifetime', 'lifetime'],
      ['corrupt', 'corrupt'],
      ['reused', 'reused'],
    ]);
  });

  it('is reported by the event of its name', () => {
    expect(names.flatMap(([name, { event }]) => (event ? [[name, event]] : []))).toEqual([
      ['tampered', 'tampered'],
      ['reused', 'reused'],
    ]);
  });
});
