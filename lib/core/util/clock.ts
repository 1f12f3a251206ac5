/** Where the time comes from. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Calls back once, when so many milliseconds have passed by this clock. For a clock of tests, which is advanced.
   *
   * @returns a function that calls it off
   * @default a timer of the machine
   */
  after?(milliseconds: number, callback: () => void): () => void;
}

/** The clock of this machine. */
export const systemClock: Clock = { now: () => Date.now() };

/** The time with a fraction of a millisecond if the clock is {@link systemClock}. */
export function preciseNow(clock: Clock): number {
  return clock === systemClock ? performance.timeOrigin + performance.now() : clock.now();
}

/** The longest delay of a timer, in milliseconds. Node.js turns a longer one into 1 ms. */
const LONGEST = 2 ** 31 - 1;

/** Calls back when so many milliseconds have passed by the clock, or earlier if they are more than a timer can wait for. */
export function after(clock: Clock, milliseconds: number, callback: () => void): () => void {
  const delay = Math.min(Math.max(Math.ceil(milliseconds), 0), LONGEST);
  if (clock.after) return clock.after(delay, callback);
  // What is open keeps the process alive by itself.
  const timer = setTimeout(callback, delay).unref();
  return () => clearTimeout(timer);
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
