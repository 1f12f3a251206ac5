/** Where the time comes from. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The clock of this machine. */
export const systemClock: Clock = { now: () => Date.now() };

/** The time with its fraction of a millisecond, where the clock is this machine's. */
export function preciseNow(clock: Clock): number {
  return clock === systemClock ? performance.timeOrigin + performance.now() : clock.now();
}

/** The least by which one moment follows another, in milliseconds: what a double of today's time still tells apart. */
export const TICK = 0.001;

const latest = new WeakMap<Clock, number>();

/** A moment later than every one before it by the same clock, also where the clock stands still. */
export function nextMoment(clock: Clock): number {
  const moment = Math.max(preciseNow(clock), (latest.get(clock) ?? -Infinity) + TICK);
  latest.set(clock, moment);
  return moment;
}
