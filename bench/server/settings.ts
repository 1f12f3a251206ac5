/** How one server is to be started; comes as JSON in the first argument. */
export interface ServerSettings {
  contender: string;
  rolling: boolean;
  redis?: string;
  postgres?: string;
  table?: string;
  /** Nothing rolls while it is measured. */
  still?: boolean;
  /** Sessions to make before the first request. */
  prefill?: number;
  /** The file that gets their cookies. */
  cookies?: string;
  /** Entries to make in the revocation list. */
  revoked?: number;
}

/** What a server tells its parent. */
export type FromServer =
  | { type: 'ready'; port: number }
  /** CPU time so far in microseconds, memory in bytes. */
  | { type: 'usage'; cpu: number; heap: number };

export const SECRET = 'q3Wv8RzT1nYb6LkPd0SxFg5HjMa2CuEoKiXyVt7Ne9B';

/** By which PostgreSQL's backends of the benches are told from others. */
export const APPLICATION = 'nest-sessions-bench';
