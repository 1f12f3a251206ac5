/** Where the time comes from. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The clock of this machine. */
export const systemClock: Clock = { now: () => Date.now() };

/** The time with a fraction of a millisecond if the clock is {@link systemClock}. */
export function preciseNow(clock: Clock): number {
  return clock === systemClock ? performance.timeOrigin + performance.now() : clock.now();
}

/** Least difference of two moments, in milliseconds: about the precision of a double at today's time. */
export const TICK = 0.001;

const latest = new WeakMap<Clock, number>();

/** A moment later than each one returned before for the same clock, even if the clock stands still. */
export function nextMoment(clock: Clock): number {
  const moment = Math.max(preciseNow(clock), (latest.get(clock) ?? -Infinity) + TICK);
  latest.set(clock, moment);
  return moment;
}
