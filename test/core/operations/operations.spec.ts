import { node, SECOND } from './node.js';

describe('the sessions of a user', () => {
  it('are listed, and revoked by id, by id and user, and all but some', async () => {
    const { engine, request, loggedIn, clock, told, forget } = node();
    const ids: string[] = [];
    for (const subject of ['alice', 'alice', 'alice', 'bob']) {
      ids.push((await request(await loggedIn(subject))).id);
      clock.advance(SECOND);
    }
    forget();
    const listed = async (subject = 'alice') => (await engine.list(subject)).map(({ id }) => id);
    expect(await listed()).toEqual([ids[2], ids[1], ids[0]]);
    expect(await engine.revoke(ids[0]!, 'bob')).toBe(0);
    expect(await engine.revoke(ids[0]!)).toBe(1);
    expect(await listed()).toEqual([ids[2], ids[1]]);
    expect(await engine.revokeAll('alice', [ids[1]!])).toBe(1);
    expect(await listed()).toEqual([ids[1]]);
    expect(await engine.revokeAll('alice')).toBe(1);
    expect([await listed(), await listed('bob')]).toEqual([[], [ids[3]]]);
    expect(told()).toEqual(['ended revoked', 'ended revoked', 'ended revoked']);
  });
});
