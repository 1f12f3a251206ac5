import { createHash } from 'node:crypto';
import { must } from '../../../core/util/options.js';

/** An identifier has at most 63 bytes. The table leaves room for the suffixes of its indexes, such as `_expires_at`. */
const TABLE = /^(?:[A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,50}$/;

/** A name without characters that would need escaping between quotes. */
export const isTableName = must(
  (value) => typeof value === 'string' && TABLE.test(value),
  "a name of letters, digits and _, at most 51, optionally with a schema: 'app.sessions'.",
);

/** @param name a checked name, with or without a schema */
export const quoted = (name: string): string =>
  name
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');

/** The name without its schema, for indexes. */
export const withoutSchema = (name: string): string => name.split('.').at(-1)!;

/** The channel of a table: a hash, because the name of a channel has at most 63 bytes. */
export const channelOf = (table: string): string =>
  `nest_sessions_${createHash('sha256').update(table).digest('hex').slice(0, 16)}`;

/** Serialises migrations that run at once, until the end of the transaction. */
export const LOCK_MIGRATION = `SELECT pg_advisory_xact_lock(hashtextextended('nest-sessions migrate', 0));`;
