/** NUL, and surrogates without their other half: what some store would refuse, or give back as another text. */
export const UNKEEPABLE = /[\0\p{Surrogate}]/u;

/**
 * An object for keys that come from outside: without a prototype, so that none of them reads, or sets, what every other
 * object has.
 */
export const byKey = <T>(...sources: Readonly<Record<string, T>>[]): Record<string, T> =>
  Object.assign(Object.create(null) as Record<string, T>, ...sources) as Record<string, T>;
