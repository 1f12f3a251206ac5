import { SubjectSessions } from '../../../lib/core/operations/subject-sessions.js';
import { LIMITS, SECOND, switching } from './switching.js';

async function withSessions(...subjects: string[]) {
  const node = switching([]);
  const sessions = new SubjectSessions(node.context);
  const published: unknown[] = [];
  node.backend.publish = (event) => void published.push(event);
  const ids: string[] = [];
  for (const subject of subjects) {
    const state = await node.visit({});
    await node.engine.login(state, subject);
    ids.push(state.id);
    node.clock.advance(SECOND);
  }
  node.emitted.length = 0;
  return { ...node, sessions, ids, published };
}

describe('the sessions of a user', () => {
  it('are listed with the most recently used first', async () => {
    const { sessions, ids } = await withSessions('alice', 'bob', 'alice', 'alice');
    const listed = await sessions.list('alice');
    expect(listed.map(({ id }) => id)).toEqual([ids[3], ids[2], ids[0]]);
  });

  it('are not listed once their time is over, although the store still has them', async () => {
    const { sessions, backend, clock } = await withSessions('alice');
    const records = await backend.list('alice');
    backend.list = () => Promise.resolve(records);
    expect(await sessions.list('alice')).toHaveLength(1);
    clock.advance(LIMITS.idle);
    expect(await sessions.list('alice')).toEqual([]);
  });

  it('are revoked by id, and each is told', async () => {
    const { sessions, ids, emitted, published, clock } = await withSessions('alice', 'alice');
    expect(await sessions.revoke(ids[0]!)).toBe(1);
    const event = { type: 'ended', id: ids[0], at: clock.now(), reason: 'revoked', subject: 'alice' };
    expect(emitted).toEqual([event]);
    expect(published).toEqual([event]);
    expect(await sessions.revoke(ids[0]!)).toBe(0);
    expect((await sessions.list('alice')).map(({ id }) => id)).toEqual([ids[1]]);
  });

  it('are not revoked by id for another user', async () => {
    const { sessions, ids, emitted } = await withSessions('alice');
    expect(await sessions.revoke(ids[0]!, 'bob')).toBe(0);
    expect(emitted).toEqual([]);
    expect(await sessions.revoke(ids[0]!, 'alice')).toBe(1);
  });

  it('are revoked all, but those that are kept, with the reason that is given', async () => {
    const { sessions, ids, emitted } = await withSessions('alice', 'alice', 'alice', 'bob');
    expect(await sessions.revokeAll('alice', [ids[1]!], 'logout')).toBe(2);
    const ended = emitted.map((event) => event.type === 'ended' && [event.id, event.reason]);
    expect(ended.sort()).toEqual([[ids[0], 'logout'] as const, [ids[2], 'logout'] as const].sort());
    expect(await sessions.revokeAll('alice', [])).toBe(1);
    expect(emitted.at(-1)).toMatchObject({ id: ids[1], reason: 'revoked' });
    expect(await sessions.list('bob')).toHaveLength(1);
  });

  it('are not asked for without a user', async () => {
    const { sessions, backend } = await withSessions();
    const asked: unknown[] = [];
    backend.list = (subject) => (asked.push(subject), Promise.resolve([]));
    backend.destroyAll = async (subject) => void asked.push(subject);
    const refused = expect.objectContaining({ code: 'ERR_SUBJECT' }) as Error;
    await expect(sessions.list('')).rejects.toThrow(refused);
    await expect(sessions.revokeAll('', [])).rejects.toThrow(refused);
    expect(asked).toEqual([]);
  });
});
