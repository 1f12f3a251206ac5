/**
 * For authors of stores: what a store implements, and what is the same in all of them. The contract as a suite is
 * `describeSessionStore` of `nest-sessions/testing`.
 */
export { applyDelta, epochOf, keyConflicts, mayCommit } from '../core/model/record.js';

export type { Clock } from '../core/util/clock.js';
export type { SessionEvent } from '../core/events/events.js';
export type {
  Device,
  KeyChange,
  PredecessorSecret,
  RecordDelta,
  RecordHead,
  SessionRecord,
} from '../core/model/record.js';
export type {
  Awaitable,
  CallReport,
  CallReports,
  CommitResult,
  CreateResult,
  EndedRecord,
  ExpiredSession,
  LoadedRecord,
  SessionLimit,
  SessionStore,
  StoreContext,
  StoreFinding,
  StoreProblem,
  Tombstone,
  TombstoneReason,
} from '../core/storage/store.js';
