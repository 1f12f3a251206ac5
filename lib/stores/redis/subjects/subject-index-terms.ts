/**
 * How a subject's index outlives its sessions without a command at every roll.
 *
 * A session stores when it was last added to the index, and its ttl at that time. The index then lives for
 * {@link INDEX_LIVES} times that ttl. The first roll after a quarter of the ttl (at most {@link REFRESH_INDEX}) adds the
 * session again, and so does a roll whose ttl is longer by more than {@link INDEX_SLACK}.
 *
 * The time is stored before the index is written, and the write is not awaited. If it fails, the next due roll comes
 * after 2.84 times the ttl at the latest (1.35 to the one that failed, and 1.1 times as much from there), while the index
 * still lives.
 *
 * Other versions leave the stored time alone and never shorten an index, so it stays valid. Their records have none, and
 * are added by their next roll.
 */

/** The field of that time and ttl. */
export const INDEXED = 'i';

/** How long an index lives, as a multiple of the ttl of the session that is added. */
export const INDEX_LIVES = 3;

/** By which factor a ttl may grow. The ttl of a new session is shorter by the milliseconds that its creation took. */
export const INDEX_SLACK = 1.1;

/** Milliseconds after which a roll adds a session again at the latest, so that a lost index is restored. */
export const REFRESH_INDEX = 10 * 60_000;
