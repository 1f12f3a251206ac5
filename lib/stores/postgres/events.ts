import { EventChannel } from '../../core/events/event-channel.js';
import { causeOf } from '../../core/storage/health/error-cause.js';
import { PostgresListener } from './connection/listener.js';
import { query, type PostgresPool } from './connection/pool.js';
import { channelOf } from './sql/table-name.js';

/** Maximum number of bytes of a notice: NOTIFY takes less than 8,000. */
const MAX_NOTICE = 7_999;

/** Session events between nodes: published by NOTIFY, received by LISTEN on one connection of the pool. */
export function postgresEvents(
  pool: PostgresPool,
  table: string,
  warn: (message: string) => void,
): EventChannel {
  const channel = channelOf(table);
  const lost = (why: string): void =>
    warn(
      `The connection that receives events of other nodes failed (${why}). It is opened again; events in between are missed. The end of a session does not depend on them.`,
    );
  return new EventChannel(
    channel,
    {
      send: async (notice) => {
        if (Buffer.byteLength(notice) <= MAX_NOTICE)
          await query(pool, 'SELECT pg_notify($1, $2)', [channel, notice]);
      },
      listen: (onNotice) => {
        const listener = new PostgresListener(pool, channel, onNotice, lost);
        if (!listener.possible) warn(ONE_CONNECTION);
        listener.start();
        return () => listener.stop();
      },
    },
    (failure, error) =>
      warn(
        failure === 'publish'
          ? `The end of a session could not be published to the other nodes: ${causeOf(error)}`
          : `A listener for events of other nodes threw: ${causeOf(error)}`,
      ),
  );
}

const ONE_CONNECTION =
  'PostgresStore: the pool has a single connection, so none is left to receive events of other nodes. Give it at least { max: 2 }, or set events: false.';
