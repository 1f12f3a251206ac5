import type { StorePart } from '../../events/events.js';

/** The parts at the beginning of a sentence. */
export const PART_NAMES: Record<StorePart, string> = {
  store: 'The session store',
  index: 'The index of sealed cookies',
  revocations: 'The revocation list',
  migrate: 'A store that the option "migrate" names',
};
