import type { Requirement, Severity } from '../checks/check.js';
import type { Step } from '../target/visitor.js';

export interface CheckResult {
  id: string;
  title: string;
  why: string;
  severity: Severity;
  outcome: 'passed' | 'failed' | 'not applicable' | 'error';
  findings: readonly string[];
  /** Of a check that does not apply, or that could not be carried out. */
  reason?: string;
  requirements: readonly Requirement[];
  steps: readonly Step[];
  /** In milliseconds. */
  duration: number;
}

export interface Report {
  tool: 'nest-sessions attack';
  target: string;
  /** ISO 8601. */
  started: string;
  /** In milliseconds. */
  duration: number;
  cookies: readonly string[];
  failOn: Severity;
  /** Whether the exit code is 0. */
  passed: boolean;
  counts: { passed: number; failed: number; notApplicable: number; errors: number };
  checks: readonly CheckResult[];
}

const RANKS: readonly Severity[] = ['info', 'warning', 'error'];

/** Whether a result fails the run: a finding that is severe enough, or a check that says nothing. */
export const counts = ({ outcome, severity }: CheckResult, failOn: Severity): boolean =>
  outcome === 'error' || (outcome === 'failed' && RANKS.indexOf(severity) >= RANKS.indexOf(failOn));

export function reportOf(
  facts: Pick<Report, 'target' | 'started' | 'duration' | 'cookies' | 'failOn'>,
  checks: readonly CheckResult[],
): Report {
  const number = (outcome: CheckResult['outcome']): number =>
    checks.filter((one) => one.outcome === outcome).length;
  return {
    tool: 'nest-sessions attack',
    ...facts,
    passed: !checks.some((one) => counts(one, facts.failOn)),
    counts: {
      passed: number('passed'),
      failed: number('failed'),
      notApplicable: number('not applicable'),
      errors: number('error'),
    },
    checks,
  };
}

export const requirementText = ({ source, number }: Requirement): string => `${source}: ${number}`;
export const stepText = ({ method, path, status, note }: Step): string =>
  `${method} ${path} → ${status || 'no response'}${note === undefined ? '' : ` (${note})`}`;
