import { types } from 'node:util';

/** A secret of the application: a text, whose UTF-8 counts, or the bytes themselves. */
export type Secret = string | Uint8Array;

/** A copy, so that the application may overwrite its own afterwards. */
// It takes either, but its types only one at a time.
export const bytesOf = (secret: Secret): Buffer => Buffer.from(secret as string);

/** The secrets of an option that takes one or a list. */
export interface GivenSecrets {
  secrets: readonly Secret[];
  /** Where one is missing, to follow the word in a message: ` at index 1 of the list`, or an empty text. */
  missing?: string;
}

/** Takes any value: that of an environment variable that is not set is `undefined`, whatever its type says. */
export function secretsOf(given: unknown): GivenSecrets {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  const secrets = list.filter(isSecret);
  if (list.length > 0 && secrets.length === list.length) return { secrets };
  const index = list.findIndex((one) => !isSecret(one));
  return { secrets, missing: list.length > 1 ? ` at index ${index} of the list` : '' };
}

const isSecret = (value: unknown): value is Secret =>
  (typeof value === 'string' || types.isUint8Array(value)) && value.length > 0;
