import { terminal } from '../../attack/report/escape.js';
import type { Finding } from './finding.js';

/** The result in JSON. */
export interface DoctorReport {
  /** Whether there is no problem. */
  passed: boolean;
  /** How many findings there are of each level. */
  counts: Record<Finding['level'], number>;
  findings: readonly Finding[];
}

/** @param secrets texts that must not be in the result, whatever an error or a server says */
export function reportOf(found: readonly Finding[], secrets: readonly string[]): DoctorReport {
  const findings = found.map(({ finding, remedy, ...rest }) => ({
    ...rest,
    finding: without(finding, secrets),
    ...(remedy !== undefined && { remedy: without(remedy, secrets) }),
  }));
  const count = (level: Finding['level']): number => findings.filter((one) => one.level === level).length;
  const counts = { ok: count('ok'), warning: count('warning'), problem: count('problem') };
  return { passed: counts.problem === 0, counts, findings };
}

/** Shorter ones may be a part of any word. */
const SHORTEST = 4;

const without = (text: string, secrets: readonly string[]): string =>
  secrets
    .filter(({ length }) => length >= SHORTEST)
    .reduce((redacted, secret) => redacted.replaceAll(secret, '***'), text);

export function linesOf({ counts, findings }: DoctorReport): string {
  const lines = findings.flatMap(({ level, about, finding, remedy }) => [
    `${level.padEnd(8)} ${about.padEnd(12)} ${finding}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(22)}${remedy}`]),
  ]);
  const { ok, warning, problem } = counts;
  const sum = `${ok} ok, ${many(warning, 'warning')}, ${many(problem, 'problem')}.`;
  return [...lines, sum].map((line) => `${terminal(line)}\n`).join('');
}

const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
