import { EventChannel } from '../../core/events/event-channel.js';
import type { NoticeTransport } from '../../core/events/notice-transport.js';
import { causeOf } from '../../core/storage/health/error-cause.js';
import type { RedisAdapter } from './connection/adapter.js';

/** Session events between nodes, over pub/sub. Only the first failure is logged. */
export function redisEvents(
  redis: RedisAdapter,
  prefix: string,
  warn: (message: string) => void,
): EventChannel {
  const channel = `${prefix}events`;
  let warned = false;
  const warnOnce = (error: unknown): void => {
    if (warned) return;
    warned = true;
    warn(
      `Events of other nodes may be missed: Redis pub/sub failed (${causeOf(error)}). The end of a session does not depend on them. This warning is logged only once.`,
    );
  };
  return new EventChannel(channel, redisTransport(redis, channel, warnOnce), (failure, error) =>
    failure === 'publish'
      ? warnOnce(error)
      : warn(`A listener for events of other nodes threw: ${causeOf(error)}`),
  );
}

export function redisTransport(
  redis: RedisAdapter,
  channel: string,
  warn: (error: unknown) => void,
): NoticeTransport {
  return {
    send: (notice) => redis.send(undefined, 'PUBLISH', channel, notice),
    listen: (onNotice, onError) => {
      const subscription = redis.listen(channel, onNotice, (error) => {
        warn(error);
        onError?.(error);
      });
      return () => subscription.stop();
    },
  };
}
