import type { Kind } from './settings.js';

/** What a run found, and how much it did. */
export class Findings {
  /** By what was wrong. */
  readonly violations = new Map<string, string[]>();
  readonly acknowledged = new Map<string, number>();
  readonly events = new Map<string, number>();
  unknown = 0;
  refused = 0;
  buried = 0;
  replayed = 0;

  fail(what: string, detail: string): void {
    const details = this.violations.get(what) ?? [];
    details.push(detail);
    this.violations.set(what, details);
  }

  did(kind: Kind, what: string): void {
    count(this.acknowledged, `${kind} ${what}`);
  }

  event(kind: Kind, name: string): void {
    count(this.events, `${kind} ${name}`);
    // Every client presents what it got last, so nobody kept a copy.
    if (name === 'reused') this.fail('a theft alarm without a theft', kind);
  }
}

const count = (counts: Map<string, number>, name: string): void =>
  void counts.set(name, (counts.get(name) ?? 0) + 1);
