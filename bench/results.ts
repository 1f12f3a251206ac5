import type { GoalRun } from './goals.js';
import type { Growth } from './growth.js';
import type { Latency } from './latency.js';
import type { Weight } from './memory.js';
import type { Measured } from './throughput.js';
import type { Wire } from './wire.js';

/** What a run found, as it is kept in bench/results. Parts that were never measured are absent. */
export interface Results {
  node: string;
  cores: number;
  pinned: boolean;
  rounds: number;
  roundTime: number;
  connections: number;
  throughput?: Measured[];
  latency?: Latency[];
  memory?: Weight[];
  growth?: Growth[];
  /** What the caches in the way hold, which is what growth is about. */
  caches?: string[];
  wire?: Wire[];
  ablation?: Measured[];
  /** A run of its own, so that all of it is of the same time. */
  goals?: GoalRun;
}
