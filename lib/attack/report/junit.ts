import { markup } from './escape.js';
import { counts, requirementText, stepText, type CheckResult, type Report } from './report.js';

/** The report in the form of JUnit. A finding that is below `--fail-on` is a passed test with a note. */
export function junit(report: Report): string {
  const { checks, failOn } = report;
  const failures = checks.filter((one) => one.outcome === 'failed' && counts(one, failOn)).length;
  const numbers = attributes({
    tests: checks.length,
    failures,
    errors: report.counts.errors,
    skipped: report.counts.notApplicable,
    time: report.duration / 1000,
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({ name: report.tool })} ${numbers}>`,
    `  <testsuite ${attributes({ name: report.target, timestamp: report.started })} ${numbers}>`,
    ...checks.map((one) => testCase(one, report)),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function testCase(result: CheckResult, { failOn }: Report): string {
  const { id, title, duration, reason = '' } = result;
  const head = attributes({ classname: `attack.${id}`, name: title, time: duration / 1000 });
  const text = markup(detailsOf(result));
  const element = {
    passed: '',
    error: `<error ${attributes({ message: reason })}>${text}</error>`,
    'not applicable': `<skipped ${attributes({ message: reason })}/>`,
    failed: counts(result, failOn)
      ? `<failure ${attributes({ type: result.severity, message: result.findings.join(' ') })}>${text}</failure>`
      : `<system-out>${text}</system-out>`,
  }[result.outcome];
  return `    <testcase ${head}>${element}</testcase>`;
}

const detailsOf = ({ severity, findings, why, requirements, steps }: CheckResult): string =>
  [
    ...findings.map((finding) => `${severity}: ${finding}`),
    why,
    requirements.map(requirementText).join(', '),
    ...steps.map(stepText),
  ].join('\n');

const attributes = (values: Readonly<Record<string, string | number>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}="${markup(String(value))}"`)
    .join(' ');
