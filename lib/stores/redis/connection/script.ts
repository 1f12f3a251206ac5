import { createHash } from 'node:crypto';
import type { RedisAdapter } from './adapter.js';
import type { Reply } from './reply.js';

/** The reply to a script, and whether it ran out of order. */
export interface ScriptResult {
  reply: Reply;
  /** The text had to be sent, so the script ran after commands that were sent behind it. */
  late: boolean;
}

/**
 * A Lua script of a single key, so that it also runs in a cluster. It is called by its digest. A server that does not
 * know it (a restart, a failover, SCRIPT FLUSH) is sent the text.
 */
export class Script {
  readonly #text: string;
  readonly #digest: string;

  constructor(text: string) {
    this.#text = text;
    this.#digest = createHash('sha1').update(text).digest('hex');
  }

  run(redis: RedisAdapter, key: string, ...args: string[]): Promise<Reply> {
    return redis
      .send(key, 'EVALSHA', this.#digest, '1', key, ...args)
      .catch((error: unknown) => this.#sendText(error, redis, key, args));
  }

  /** {@link run} for a caller that relies on the order of commands. */
  runInOrder(redis: RedisAdapter, key: string, ...args: string[]): Promise<ScriptResult> {
    return redis.send(key, 'EVALSHA', this.#digest, '1', key, ...args).then(
      (reply) => ({ reply, late: false }),
      async (error: unknown) => ({ reply: await this.#sendText(error, redis, key, args), late: true }),
    );
  }

  #sendText(error: unknown, redis: RedisAdapter, key: string, args: readonly string[]): Promise<Reply> {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return redis.send(key, 'EVAL', this.#text, '1', key, ...args);
  }
}
