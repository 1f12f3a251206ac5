/**
 * How a subject's index outlives its sessions without a command at every roll. A session notes in its record when it was
 * last entered in the index, and its ttl at that time. The index then lives for {@link INDEX_LIVES} times that ttl, and is
 * made to live longer by the first roll after a quarter of it (or {@link REFRESH_INDEX}, so that an index that was lost
 * comes back soon), or by one whose ttl is longer by more than {@link INDEX_SLACK}. The note is made at once, though nobody
 * waits for the index: if that fails, the next roll that is due comes after 2.84 times the ttl at the latest (1.35 to the one
 * that failed, and 1.1 times as much from there), while the index still lives.
 *
 * Other versions leave the note alone and never shorten an index, so it holds; a record of theirs has none, and is entered
 * by its next roll.
 */

/** The field of that note. */
export const INDEXED = 'i';

/** How long an index lives, in times of the ttl of the session that is entered. */
export const INDEX_LIVES = 3;

/** How much longer a ttl may be: that of a session that is just made lacks the milliseconds that it took to make it. */
export const INDEX_SLACK = 1.1;

/** Milliseconds after which a roll enters a session again at the latest. */
export const REFRESH_INDEX = 10 * 60_000;
