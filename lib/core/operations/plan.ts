import type { DataPatch } from '../model/data.js';
import { rollIsDue } from '../model/policy.js';
import {
  presentsCurrent,
  type EndRequest,
  type Intent,
  type LiveState,
  type State,
} from '../request/state.js';

/** What one commit does. */
export type Step =
  { do: 'nothing' } | { do: 'create'; patch: DataPatch } | SaveStep | { do: 'end'; end: EndRequest };

export interface SaveStep {
  do: 'save';
  live: LiveState;
  patch: DataPatch | undefined;
  /** The idle timeout starts anew. */
  roll: boolean;
  /** A new secret takes the place of the present one. */
  rotate: boolean;
  /** The successor of the rotation before has arrived. A rotation says so by itself. */
  confirm: boolean;
  /** The client is not the one that logged in. */
  mark: boolean;
}

/** What decides beside the state, in milliseconds. */
export interface PlanLimits {
  rollEvery: number;
  rotateEvery: number | false;
  /** Whether a new cookie would reach the client. */
  cookieArrives: boolean;
  /** Whether the record can be marked: a handshake cannot do so if the cookie is the record. */
  canMark: boolean;
}

const NOTHING: Step = { do: 'nothing' };

/**
 * What a commit has to do for a state, given what the request wants and what it changed. Pure: {@link Commit} carries it
 * out.
 *
 * @param patch what of the data has to be written, if anything
 * @param now milliseconds since the epoch, by the deciding clock
 */
export function plan(
  state: State,
  intent: Intent,
  patch: DataPatch | undefined,
  now: number,
  limits: PlanLimits,
): Step {
  const logout = intent.logout && { reason: 'logout' as const, everywhere: intent.logout.everywhere };
  switch (state.kind) {
    case 'anonymous':
      if (logout) return { do: 'end', end: logout };
      return patch ? { do: 'create', patch } : NOTHING;
    case 'live':
      return logout ? { do: 'end', end: logout } : planSave(state, intent, patch, now, limits);
    case 'ending':
      return { do: 'end', end: logout ?? state.end };
    case 'ended':
      return logout && state.former ? { do: 'end', end: logout } : NOTHING;
    case 'unavailable':
      return NOTHING;
  }
}

function planSave(
  live: LiveState,
  { active }: Intent,
  patch: DataPatch | undefined,
  now: number,
  limits: PlanLimits,
): Step {
  const rotate = active && rotationIsDue(live, now, limits);
  const roll = rotate || (active && rollIsDue(live.handle.record, limits.rollEvery, now));
  const confirm = live.confirms && !rotate;
  const mark = live.marks && limits.canMark;
  if (!patch && !roll && !confirm && !mark) return NOTHING;
  return { do: 'save', live, patch, roll, rotate, confirm, mark };
}

/**
 * No rotation if the new cookie cannot reach the client, or while the previous rotation is pending, since a predecessor
 * must lead to exactly one successor.
 */
function rotationIsDue(live: LiveState, now: number, { rotateEvery, cookieArrives }: PlanLimits): boolean {
  const { token, record } = live.handle;
  // Of a request that others have overtaken: its client presents the token that they gave it, not a successor of the one here.
  if (rotateEvery === false || !cookieArrives || token === undefined) return false;
  const { rotatedAt, previous } = record;
  return now - rotatedAt >= rotateEvery && (!previous?.pending || presentsCurrent(live));
}
