import { createSecretKey } from 'node:crypto';

/** The secrets of the harness. They stay the same, so that a case that was found means the same later. */
export const NOW_SECRET = 'the secret of the fuzzed application: 7Yc1';
export const OLD_SECRET = 'the secret before it, which verifies: 2Kd9';

export const keyOf = (secret: string) => createSecretKey(Buffer.from(secret));

export const NAME = '__Host-session';
export const NOW = Date.UTC(2030, 0, 1);
