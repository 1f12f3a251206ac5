import { EventChannel } from '../../core/events/event-channel.js';
import type { NoticeTransport } from '../../core/events/notice-transport.js';
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
    postgresTransport(pool, channel, lost, () => warn(ONE_CONNECTION)),
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

/**
 * @param lost called once per loss of the connection, with the reason
 * @param impossible called where the pool has a single connection
 */
export function postgresTransport(
  pool: PostgresPool,
  channel: string,
  lost: (why: string) => void,
  impossible: () => void,
): NoticeTransport {
  return {
    send: async (notice) => {
      if (Buffer.byteLength(notice) <= MAX_NOTICE)
        await query(pool, 'SELECT pg_notify($1, $2)', [channel, notice]);
    },
    listen: (onNotice, onError) => {
      const listener = new PostgresListener(pool, channel, onNotice, (why) => {
        lost(why);
        onError?.(new Error(why));
      });
      if (!listener.possible) {
        impossible();
        onError?.(new Error('the pool has a single connection'));
      }
      listener.start();
      return () => listener.stop();
    },
  };
}
