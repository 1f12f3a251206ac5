import type { SessionHandle } from '../../../lib/core/storage/backend.js';
import { plan, type PlanLimits, type Step } from '../../../lib/core/operations/plan.js';
import type { EndRequest, Intent, LiveState, State } from '../../../lib/core/request/state.js';

const MINUTE = 60_000;
const START = 1_700_000_000_000;
const ROLL = START + MINUTE;
const ROTATE = START + 10 * MINUTE;

const LIMITS: PlanLimits = {
  rollEvery: MINUTE,
  rotateEvery: 10 * MINUTE,
  cookieArrives: true,
  canMark: true,
};
const PATCH = { set: { cart: '[1]' }, remove: [] };
const LOGOUT: EndRequest = { reason: 'logout', everywhere: false };
const CLEARED: EndRequest = { reason: 'cleared', everywhere: false };

const PREVIOUS = { hash: 'old', until: ROTATE + MINUTE, honoured: true, nonce: 'n' };

const handle = (record: object = {}): SessionHandle => ({
  token: 'token',
  legacy: false,
  record: {
    id: 'id',
    secretHash: 'present',
    revision: 0,
    factors: {},
    createdAt: START,
    startedAt: START,
    lastSeenAt: START,
    rotatedAt: START,
    remember: false,
    data: {},
    ...record,
  },
});

const live = (change: Partial<LiveState> = {}): LiveState => ({
  kind: 'live',
  handle: handle(),
  confirms: false,
  suspicious: false,
  marks: false,
  ...change,
});

const former = { handle: handle(), everywhere: true };
const pending = handle({ previous: { ...PREVIOUS, pending: true } });

const ACTIVE: Intent = { active: true };
const PASSIVE: Intent = { active: false };
const LEAVES: Intent = { active: true, logout: { everywhere: false } };

interface Case {
  state: State;
  intent?: Intent;
  patch?: typeof PATCH;
  now?: number;
  limits?: Partial<PlanLimits>;
  /** The step, without the state that a save was planned for. */
  step: string;
}

const shown = (step: Step): string => {
  switch (step.do) {
    case 'nothing':
      return 'nothing';
    case 'create':
      return 'create';
    case 'end':
      return `end by ${step.end.reason}${step.end.everywhere ? ' everywhere' : ''}`;
    case 'save': {
      const { patch, roll, rotate, confirm, mark } = step;
      const parts = Object.entries({ patch, roll, rotate, confirm, mark }).filter(([, part]) => part);
      return `save ${parts.map(([name]) => name).join(' ')}`;
    }
  }
};

const CASES: Record<string, Case> = {
  'anonymous, nothing changed': { state: { kind: 'anonymous' }, now: ROTATE, step: 'nothing' },
  'anonymous, data': { state: { kind: 'anonymous' }, patch: PATCH, step: 'create' },
  'anonymous, data, passive': { state: { kind: 'anonymous' }, intent: PASSIVE, patch: PATCH, step: 'create' },
  'anonymous with a former session, data': {
    state: { kind: 'anonymous', former },
    patch: PATCH,
    step: 'create',
  },
  'anonymous, logout': { state: { kind: 'anonymous', former }, intent: LEAVES, step: 'end by logout' },

  'live, nothing changed': { state: live(), step: 'nothing' },
  'live, data': { state: live(), patch: PATCH, step: 'save patch' },
  'live, a moment before the roll': { state: live(), now: ROLL - 1, step: 'nothing' },
  'live, roll due': { state: live(), now: ROLL, step: 'save roll' },
  'live, roll due, passive': { state: live(), intent: PASSIVE, now: ROTATE, step: 'nothing' },
  'live, roll due, passive, data': {
    state: live(),
    intent: PASSIVE,
    patch: PATCH,
    now: ROTATE,
    step: 'save patch',
  },
  'live, roll due, data': { state: live(), patch: PATCH, now: ROLL, step: 'save patch roll' },
  'live, a moment before the rotation': { state: live(), now: ROTATE - 1, step: 'save roll' },
  'live, rotation due': { state: live(), now: ROTATE, step: 'save roll rotate' },
  'live, rotation due although seen a moment ago': {
    state: live({ handle: handle({ lastSeenAt: ROTATE }) }),
    now: ROTATE,
    step: 'save roll rotate',
  },
  'live, rotation due, data': { state: live(), patch: PATCH, now: ROTATE, step: 'save patch roll rotate' },
  'live, rotation due, no cookie arrives': {
    state: live(),
    now: ROTATE,
    limits: { cookieArrives: false },
    step: 'save roll',
  },
  'live, rotation due, by a request whose own token others have replaced': {
    state: live({ handle: { ...handle(), token: undefined } }),
    now: ROTATE,
    step: 'save roll',
  },
  'live, rotation switched off': {
    state: live(),
    now: ROTATE,
    limits: { rotateEvery: false },
    step: 'save roll',
  },
  'live, rotation due while one is pending': {
    state: live({ handle: pending }),
    now: ROTATE,
    step: 'save roll',
  },
  'live, rotation due, with the successor of a pending one': {
    state: live({ handle: pending, presentedHash: 'present', confirms: true }),
    now: ROTATE,
    step: 'save roll rotate',
  },
  'live, rotation due, with a secret that is not the present one': {
    state: live({ handle: pending, presentedHash: 'old' }),
    now: ROTATE,
    step: 'save roll',
  },
  'live, the successor arrived': { state: live({ confirms: true }), intent: PASSIVE, step: 'save confirm' },
  'live, the successor arrived, data': {
    state: live({ confirms: true }),
    patch: PATCH,
    step: 'save patch confirm',
  },
  'live, another client': { state: live({ suspicious: true, marks: true }), step: 'save mark' },
  'live, another client, marked before': { state: live({ suspicious: true }), step: 'nothing' },
  'live, another client, no mark possible': {
    state: live({ suspicious: true, marks: true }),
    limits: { canMark: false },
    step: 'nothing',
  },
  'live, everything at once': {
    state: live({ confirms: true, marks: true }),
    patch: PATCH,
    now: ROLL,
    step: 'save patch roll confirm mark',
  },
  'live, logout': { state: live(), intent: LEAVES, patch: PATCH, now: ROTATE, step: 'end by logout' },
  'live, logout everywhere': {
    state: live(),
    intent: { active: false, logout: { everywhere: true } },
    step: 'end by logout everywhere',
  },

  'ending, not told yet': {
    state: { kind: 'ending', id: 'id', handle: handle(), end: CLEARED },
    step: 'end by cleared',
  },
  'ending, request failed': {
    state: { kind: 'ending', id: 'id', handle: handle(), end: LOGOUT },
    intent: PASSIVE,
    step: 'end by logout',
  },
  'ending, logout': {
    state: { kind: 'ending', id: 'id', former, end: CLEARED },
    intent: LEAVES,
    step: 'end by logout',
  },

  ended: { state: { kind: 'ended', id: 'id' }, now: ROTATE, step: 'nothing' },
  'ended, logout': { state: { kind: 'ended', id: 'id' }, intent: LEAVES, step: 'nothing' },
  'ended by somebody else': { state: { kind: 'ended', id: 'id', former }, step: 'nothing' },
  'ended by somebody else, logout': {
    state: { kind: 'ended', id: 'id', former },
    intent: LEAVES,
    step: 'end by logout',
  },

  unavailable: {
    state: { kind: 'unavailable', error: new Error('no') },
    patch: PATCH,
    now: ROTATE,
    step: 'nothing',
  },
  'unavailable, logout': {
    state: { kind: 'unavailable', error: new Error('no') },
    intent: LEAVES,
    step: 'nothing',
  },
};

describe('the plan of a commit', () => {
  it.each(Object.entries(CASES))(
    '%s',
    (_name, { state, intent = ACTIVE, patch, now = START, limits, step }) => {
      expect(shown(plan(state, intent, patch, now, { ...LIMITS, ...limits }))).toBe(step);
    },
  );
});
