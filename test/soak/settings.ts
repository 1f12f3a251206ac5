import type { PlatformName } from '../support/platforms.js';

/** What keeps the sessions of an application. Each process has one application of each. */
export type Kind = 'Redis' | 'PostgreSQL' | 'sealed';
export const KINDS: readonly Kind[] = ['Redis', 'PostgreSQL', 'sealed'];

/** Faults that the run has to find. */
export const FAULTS = [
  'logout',
  'write',
  'update',
  'identity',
  'leak',
  'rejection',
  'failure',
  'block',
] as const;
export type Fault = (typeof FAULTS)[number];

/** How a process is started: as JSON in its first argument. */
export interface NodeSettings {
  platform: PlatformName;
  /** The ports of the servers. */
  redis: number;
  postgres: number;
  fault?: Fault | undefined;
}

/** What a process says of itself, once the garbage is collected. */
export interface Vitals {
  type: 'vitals';
  /** Bytes. */
  heap: number;
  /** The 99th percentile of the delays of the event loop since the last time, in milliseconds. */
  delay: number;
  /** The share of the time in which its main thread could run that it had a processor, since the last time: 0 to 1. */
  share: number;
}

export type FromNode =
  | { type: 'ready'; urls: Record<Kind, string> }
  | Vitals
  /** What may not happen in a process at all. */
  | { type: 'defect'; text: string }
  | { type: 'event'; name: string; kind: Kind };
