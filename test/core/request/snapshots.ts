import type { OpenedToken, RejectedToken, SessionHandle } from '../../../lib/core/storage/backend.js';
import type { EndRequest } from '../../../lib/core/request/state.js';

export const handle = (id: string): SessionHandle => ({
  token: `token of ${id}`,
  legacy: false,
  record: {
    id,
    secretHash: `secret of ${id}`,
    revision: 0,
    factors: {},
    createdAt: 0,
    startedAt: 0,
    lastSeenAt: 0,
    rotatedAt: 0,
    remember: false,
    data: {},
  },
});

export const token = (change: Partial<OpenedToken>): OpenedToken => ({
  kind: 'live',
  handle: handle('opened'),
  now: 0,
  skew: 0,
  present: true,
  renewed: false,
  confirms: false,
  ...change,
});
export const reuse: RejectedToken = {
  kind: 'rejected',
  why: 'reused',
  id: 'former',
  former: { handle: handle('former'), everywhere: true },
};
export const foreign: RejectedToken = { kind: 'rejected', why: 'foreign', id: 'foreign' };

export const LOGOUT: EndRequest = { reason: 'logout', everywhere: false };
export const CLEAR: EndRequest = { reason: 'cleared', everywhere: true };
