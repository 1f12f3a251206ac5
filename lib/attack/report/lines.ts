import type { Check } from '../checks/check.js';
import { terminal } from './escape.js';
import { counts, requirementText, type CheckResult, type Report } from './report.js';

const CLEAR = '\r\u001b[2K';

/** The line that stands while a check runs, and is written over. */
export const running = ({ title }: Check, at: number, of: number): string =>
  `${CLEAR}[${at}/${of}] ${title} …`;
export const cleared = CLEAR;

/** What is printed of a check as it ends. */
export function lines(result: CheckResult): string {
  const { id, title, outcome, severity, findings, reason, requirements } = result;
  const label = outcome === 'failed' ? severity : LABELS[outcome];
  const numbers = requirements.map(requirementText).join(', ');
  const more = [...findings, ...(reason === undefined ? [] : [reason])];
  return [
    `${label.padEnd(8)} ${title} (${id}${outcome === 'failed' ? `; ${numbers}` : ''})`,
    ...more.map((text) => `         ${text}`),
  ]
    .map((line) => `${terminal(line)}\n`)
    .join('');
}

const LABELS = { passed: 'ok', error: 'ERROR', 'not applicable': 'n/a' } as const;

export function summary(report: Report): string {
  const { passed, failed, errors, notApplicable } = report.counts;
  const severe = report.checks.filter((one) => counts(one, report.failOn)).length;
  const end = report.passed
    ? 'Passed.'
    : `Failed: ${severe} at or above "${report.failOn}", or not carried out.`;
  return terminal(
    `${report.target}: ${passed} passed, ${failed} failed, ${errors} not carried out, ${notApplicable} not applicable. ${end}`,
  ).concat('\n');
}
