import type { Scene } from '../target/scene.js';

export type Severity = 'error' | 'warning' | 'info';

/** A requirement of OWASP ASVS 5.0, NIST SP 800-63B-4 or the OWASP Web Security Testing Guide. */
export interface Requirement {
  readonly source: 'OWASP ASVS 5.0' | 'NIST SP 800-63B-4' | 'OWASP WSTG';
  readonly number: string;
}

export const asvs = (number: string): Requirement => ({ source: 'OWASP ASVS 5.0', number });
export const nist = (number: string): Requirement => ({ source: 'NIST SP 800-63B-4', number });
export const wstg = (number: string): Requirement => ({ source: 'OWASP WSTG', number });

export type Verdict =
  | { outcome: 'passed' }
  | { outcome: 'failed'; findings: readonly string[]; severity?: Severity }
  | { outcome: 'not applicable'; reason: string };

export interface Check {
  readonly id: string;
  readonly title: string;
  /** What somebody can do where the check fails. */
  readonly why: string;
  readonly severity: Severity;
  readonly requirements: readonly Requirement[];
  /** Parts of the config without which the check does not apply. */
  readonly needs?: readonly ('write' | 'increment' | 'relogin' | 'second')[];
  run(scene: Scene): Promise<Verdict>;
}

/** Failed with what was found, or passed if that is nothing. */
export const verdictOf = (
  findings: readonly (string | false | undefined)[],
  severity?: Severity,
): Verdict => {
  const found = findings.filter((one) => typeof one === 'string');
  return found.length === 0
    ? { outcome: 'passed' }
    : { outcome: 'failed', findings: found, ...(severity && { severity }) };
};

export const notApplicable = (reason: string): Verdict => ({ outcome: 'not applicable', reason });
