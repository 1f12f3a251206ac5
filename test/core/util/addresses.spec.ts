import { plainAddress } from '../../../lib/core/util/addresses.js';
import { RequestState } from '../../../lib/core/request/request-state.js';
import type { DataHooks } from '../../../lib/core/model/data.js';
import { FakeClock } from 'nest-sessions/testing';

describe('the address of a client', () => {
  it.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:1', '::ffff:1'],
    ['fe80::ffff:192.0.2.1', 'fe80::ffff:192.0.2.1'],
  ])('%s is stored as %s', (address, stored) => {
    expect(plainAddress(address)).toBe(stored);
    const state = new RequestState(new FakeClock(), { ip: address }, () => ({}) as DataHooks);
    expect(state.device).toEqual({ ip: stored });
  });
});
