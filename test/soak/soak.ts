import { Prng } from '../model/scenario.js';
import { Findings } from './findings.js';
import { Graves } from './graves.js';
import type { Outages } from './outages.js';
import type { NodeProcess } from './process.js';

/** What everybody in a run shares. */
export class Soak {
  readonly findings: Findings;
  readonly graves: Graves;
  readonly random: Prng;
  stopped = false;

  constructor(
    seed: number,
    readonly nodes: readonly NodeProcess[],
    readonly outages: Outages,
    findings: Findings,
  ) {
    this.findings = findings;
    this.random = new Prng(seed);
    this.graves = new Graves(this);
  }
}
