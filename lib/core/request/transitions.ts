import type { OpenedToken, RejectedToken, SessionHandle } from '../storage/backend.js';
import {
  CookieAction,
  formerOf,
  handleOf,
  presentsCurrent,
  type EndRequest,
  type Intent,
  type LiveState,
  type State,
} from './state.js';

/**
 * The session of one request, what the request intends, and what its response does with the cookie. Values of it never
 * change: each transition gives the next.
 */
export interface Snapshot {
  readonly state: State;
  readonly cookie: CookieAction;
  readonly intent: Intent;
}

const ANONYMOUS: State = { kind: 'anonymous' };
const PASSIVE: Intent = { active: false };

/** The fields of a live session that are set only in special cases. */
const UNREMARKABLE = { kind: 'live', confirms: false, suspicious: false, marks: false } as const;

/** A request that has presented nothing. */
export const UNOPENED: Snapshot = { state: ANONYMOUS, cookie: CookieAction.Keep, intent: PASSIVE };

// How the request began.

/** The presented token opens a session. */
export function opened({ intent }: Snapshot, { handle, present, renewed, confirms }: OpenedToken): Snapshot {
  const presentedHash = present ? handle.record.secretHash : undefined;
  return {
    state: { ...UNREMARKABLE, handle, presentedHash, confirms },
    cookie: renewed ? CookieAction.Set : CookieAction.Keep,
    intent,
  };
}

/** The presented token opens no session. */
export function rejected({ intent }: Snapshot, { former }: RejectedToken, expires: boolean): Snapshot {
  const cookie = expires ? CookieAction.Expire : CookieAction.Keep;
  return { state: { kind: 'anonymous', former }, cookie, intent };
}

/** The session of the presented token was ended before the application could read it. */
export const discarded = ({ intent }: Snapshot): Snapshot => ({
  state: ANONYMOUS,
  cookie: CookieAction.Expire,
  intent,
});

/** The session could not be loaded: neither anonymous nor logged in. */
export const unavailable = ({ intent }: Snapshot, error: Error): Snapshot => ({
  state: { kind: 'unavailable', error },
  cookie: CookieAction.Keep,
  intent,
});

/** The session stays as it is, and the response removes its cookie. */
export const withoutCookie = (at: Snapshot): Snapshot => ({ ...at, cookie: CookieAction.Expire });

// What the request intends.

/** Of several handlers of one request (GraphQL) one that is active is enough. */
export const active = (at: Snapshot): Snapshot => ({ ...at, intent: { ...at.intent, active: true } });

/** A logout for when the request succeeds. */
export function loggingOut(at: Snapshot, everywhere: boolean): Snapshot {
  const logout = { everywhere: everywhere || (at.intent.logout?.everywhere ?? false) };
  return { ...at, intent: { ...at.intent, logout } };
}

/** The request failed, so it is neither activity nor a logout. */
export const withdrawn = (at: Snapshot): Snapshot => ({ ...at, intent: PASSIVE });

// The session continues.

/** If this request has begun to end the session, state and cookie stay as they are, with the new handle. */
export function continued(at: Snapshot, change: Change, newCookie = false): Snapshot {
  const { state } = at;
  if (state.kind === 'live')
    return { ...at, state: { ...state, ...change }, cookie: newCookie ? CookieAction.Set : at.cookie };
  if (state.kind === 'ending' && state.handle)
    return { ...at, state: { ...state, handle: change.handle ?? state.handle } };
  return at;
}

type Change = Partial<Omit<LiveState, 'kind'>>;

/** The session is stored for the first time. */
export const created = ({ state, intent }: Snapshot, handle: SessionHandle): Snapshot => ({
  state: { ...UNREMARKABLE, handle, former: formerOf(state) },
  cookie: CookieAction.Set,
  intent,
});

/** The roll, confirmation or mark could not be written: the next request tries again. */
export const postponed = (at: Snapshot): Snapshot => ({
  ...continued(at, { confirms: false, marks: false }),
  intent: { ...at.intent, active: false },
});

/** The session was loaded again, with the changes of other requests. */
export function reloaded(at: Snapshot, handle: SessionHandle): Snapshot {
  const { state } = at;
  if (state.kind !== 'live') return continued(at, { handle });
  // A rotation by another request is confirmed by requests that present its successor.
  const current = presentsCurrent({ ...state, handle }) && handle.record.previous?.pending === true;
  return continued(at, { handle, confirms: state.confirms && current });
}

/** Another session takes the place of the current one. */
export const replaced = ({ intent }: Snapshot, handle: SessionHandle): Snapshot => ({
  state: { ...UNREMARKABLE, handle },
  cookie: CookieAction.Set,
  intent: { active: intent.active },
});

// The session ends.

/** The session ends, first for this response: even if the backend then fails, the response no longer authenticates. */
export function ending(at: Snapshot, id: string, end: EndRequest): Snapshot {
  const handle = handleOf(at.state);
  const former = formerOf(at.state);
  const intent = { active: at.intent.active };
  // Without a session there is no cookie to expire, except perhaps one of another application.
  return (handle ?? former)
    ? { state: { kind: 'ending', id, handle, former, end }, cookie: removalOf(end), intent }
    : { state: { kind: 'ended', id }, cookie: at.cookie, intent };
}

/** The other sessions of the subject could not be ended. The client keeps its cookie so that it can try again. */
export const othersRemain = (at: Snapshot): Snapshot => ({ ...at, cookie: CookieAction.Keep });

/** The other sessions of the subject have ended. */
export const othersEnded = (at: Snapshot, end: EndRequest): Snapshot => ({ ...at, cookie: removalOf(end) });

/** The backend has ended the session. */
export const ended = (at: Snapshot, id: string): Snapshot => ({ ...at, state: { kind: 'ended', id } });

/**
 * Another request ended the session, or rotated it by a re-login or regenerate. The client may already have a newer
 * cookie, so the cookie is kept. This request may still end the session.
 */
export function gone(at: Snapshot, id: string): Snapshot {
  const { state } = at;
  const handle = handleOf(state);
  const former = formerOf(state) ?? (handle && { handle, everywhere: false });
  return {
    ...at,
    state: state.kind === 'ending' ? { ...state, handle: undefined, former } : { kind: 'ended', id, former },
    cookie: CookieAction.Keep,
  };
}

/** This request has ended its session by `revoke()`, so the cookie is expired. Nothing is left to end. */
export function revoked(at: Snapshot, id: string): Snapshot {
  const loggedOut = at.state.kind === 'ending' && at.state.end.reason === 'logout';
  return {
    ...at,
    state: { kind: 'ended', id },
    cookie: loggedOut ? CookieAction.Forget : CookieAction.Expire,
  };
}

/** A new session begins after one that ended. The browser keeps its other data. */
export const startedOver = ({ state, cookie, intent }: Snapshot): Snapshot => ({
  state: { kind: 'anonymous', former: formerOf(state) },
  cookie: cookie === CookieAction.Forget ? CookieAction.Expire : cookie,
  intent,
});

const removalOf = ({ reason }: EndRequest): CookieAction =>
  reason === 'logout' ? CookieAction.Forget : CookieAction.Expire;
