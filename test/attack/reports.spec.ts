import { html } from '../../lib/attack/report/html.js';
import { junit } from '../../lib/attack/report/junit.js';
import { lines, summary } from '../../lib/attack/report/lines.js';
import { reportOf, type CheckResult, type Report } from '../../lib/attack/report/report.js';
import type { Severity } from '../../lib/attack/checks/check.js';
import { Secrets } from '../../lib/attack/target/secrets.js';

/** What a hostile target may send. */
const HOSTILE = `]]><script>alert(1)</script>"'&amp;\u0000\u0007\u001b[2J\u009b31m\ufffe\ud800<!--`;

const check = (outcome: CheckResult['outcome'], severity: Severity): CheckResult => ({
  ...{
    id: `a-${outcome.replace(' ', '-')}`,
    title: `A check that ${outcome}`,
    why: HOSTILE,
    severity,
    outcome,
  },
  findings: outcome === 'failed' ? [HOSTILE] : [],
  ...(outcome === 'error' || outcome === 'not applicable' ? { reason: HOSTILE } : {}),
  requirements: [{ source: 'OWASP ASVS 5.0', number: '7.4.1' }],
  steps: [{ method: 'GET', path: `/${HOSTILE}`, status: 200, note: HOSTILE }],
  duration: 12,
});

function report(failOn: Severity, checks: CheckResult[]): Report {
  const facts = {
    target: HOSTILE,
    started: '2026-01-01T00:00:00.000Z',
    duration: 1234,
    cookies: [HOSTILE],
    failOn,
  };
  return reportOf(facts, checks);
}

const everything = report('warning', [
  check('passed', 'error'),
  check('failed', 'error'),
  check('failed', 'info'),
  check('not applicable', 'error'),
  check('error', 'error'),
]);

/** The elements of a document of XML, in the order of their ends. Fails where it is not well-formed. */
function elementsOf(xml: string): string[] {
  expect(xml).not.toMatch(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u);
  const [head, ...rest] = xml.split(/(<[^>]*>)/).filter((part) => part.trim() !== '');
  expect(head).toBe('<?xml version="1.0" encoding="UTF-8"?>');
  const open: string[] = [];
  const closed: string[] = [];
  for (const part of rest) {
    expect(part).not.toMatch(/&(?!(amp|lt|gt|quot|#39);)/);
    if (!part.startsWith('<')) expect(part).not.toMatch(/[<>]/);
    else if (part.startsWith('</')) {
      expect(open.pop()).toBe(part.slice(2, -1));
      closed.push(part.slice(2, -1));
    } else {
      const [, name = '', , empty] = /^<([\w-]+)((?: \w+="[^"<]*")*) ?(\/?)>$/.exec(part) ?? [];
      expect([part, name]).toEqual([part, expect.stringMatching(/\w/)]);
      if (empty) closed.push(name);
      else open.push(name);
    }
  }
  expect(open).toEqual([]);
  return closed;
}

describe('the report as JUnit', () => {
  it('is well-formed, whatever a target sends, and has an element for each outcome', () => {
    const elements = elementsOf(junit(everything));
    const inside = ['testcase', 'failure', 'testcase', 'system-out', 'testcase', 'skipped', 'testcase'];
    expect(elements).toEqual([...inside, 'error', 'testcase', 'testsuite', 'testsuites']);
  });

  it('counts as the exit code does', () => {
    const xml = junit(everything);
    expect(xml).toContain('tests="5" failures="1" errors="1" skipped="1" time="1.234"');
  });
});

describe('the report as a page', () => {
  const page = html(everything);

  it('holds no markup of a target', () => {
    expect(page).not.toMatch(/<script|<!--/);
    expect(page).toContain('&lt;script&gt;');
    expect(page).not.toMatch(/[\x00-\x08\x0e-\x1f\x7f-\x9f]/);
  });

  it('loads nothing', () => {
    expect(page).not.toMatch(/\s(src|href|action|data|srcset|poster)=|url\(|@import|https?:/);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  it('shows findings and what was not carried out first, and open', () => {
    const headings = [...page.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, text]) => text);
    expect(headings).toEqual(['Findings', 'Not carried out', 'Passed', 'Not applicable']);
    expect(page.match(/<details open>/g)).toHaveLength(3);
    expect(page.match(/<details>/g)).toHaveLength(2);
  });
});

describe('the report in the terminal', () => {
  it('has no control characters of a target', () => {
    const text = everything.checks.map(lines).join('') + summary(everything);
    expect(text.replaceAll('\n', '')).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
  });
});

describe('--fail-on', () => {
  const finding = (severity: Severity, failOn: Severity) =>
    report(failOn, [check('failed', severity)]).passed;

  it.each([
    ['info', [false, false, false]],
    ['warning', [true, false, false]],
    ['error', [true, true, false]],
  ] as const)('%s passes findings that are less severe', (failOn, expected) => {
    expect([finding('info', failOn), finding('warning', failOn), finding('error', failOn)]).toEqual(expected);
  });

  it('fails on a check that was not carried out', () => {
    expect(report('error', [check('error', 'info')]).passed).toBe(false);
  });
});

describe('redaction', () => {
  it.each([
    ['as it is', 's:abc.d/e=', 'a s:abc.d/e= b'],
    ['escaped', 's:abc.d/e=', 'a s%3Aabc.d%2Fe%3D b'],
    ['unescaped', 's%3Aabc', 'a s:abc b'],
  ])('takes a secret out %s', (_, secret, text) => {
    const secrets = new Secrets();
    secrets.add('s:ab');
    secrets.add(secret);
    expect(secrets.redact(text)).toBe('a [redacted] b');
  });

  it('leaves the words of the report, which a short value would take out', () => {
    const secrets = new Secrets();
    secrets.add('a');
    secrets.add('');
    expect(secrets.redact('a cookie')).toBe('a cookie');
  });
});
