import { markup } from './escape.js';
import { requirementText, stepText, type CheckResult, type Report } from './report.js';

/** The report as one page that loads nothing and runs nothing. */
export function html(report: Report): string {
  const { passed, failed, notApplicable, errors } = report.counts;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sessions of ${markup(report.target)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Sessions of ${markup(report.target)}</h1>
<p class="${report.passed ? 'passed' : 'failed'}">${report.passed ? 'Passed' : 'Failed'}: ${passed} passed,
${failed} failed, ${errors} not carried out, ${notApplicable} not applicable.</p>
<p>${markup(report.started)}, ${(report.duration / 1000).toFixed(1)} s. Session cookie: ${markup(report.cookies.join(', '))}.
Fails on: ${report.failOn}.</p>
${ORDER.map(([outcome, heading]) => section(heading, report, outcome)).join('\n')}
</body>
</html>
`;
}

const ORDER = [
  ['failed', 'Findings'],
  ['error', 'Not carried out'],
  ['passed', 'Passed'],
  ['not applicable', 'Not applicable'],
] as const;

function section(heading: string, { checks }: Report, outcome: CheckResult['outcome']): string {
  const found = checks.filter((one) => one.outcome === outcome);
  return found.length === 0 ? '' : `<h2>${heading}</h2>\n${found.map(details).join('\n')}`;
}

function details({
  id,
  title,
  why,
  severity,
  outcome,
  findings,
  reason,
  requirements,
  steps,
}: CheckResult): string {
  const open = outcome === 'failed' || outcome === 'error' ? ' open' : '';
  const label = outcome === 'failed' ? severity : outcome;
  return `<details${open}>
<summary><b class="${label.replace(' ', '-')}">${label}</b> ${markup(title)} <code>${markup(id)}</code></summary>
${findings.map((finding) => `<p class="finding">${markup(finding)}</p>`).join('\n')}
${reason === undefined ? '' : `<p class="finding">${markup(reason)}</p>`}
<p>${markup(why)}</p>
<p>${requirements.map((one) => markup(requirementText(one))).join(' · ')}</p>
<ol>${steps.map((step) => `<li><code>${markup(stepText(step))}</code></li>`).join('')}</ol>
</details>`;
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
details { border: 1px solid #ccc; border-radius: 4px; margin: .5rem 0; padding: .5rem 1rem; }
summary { cursor: pointer; }
code, ol { font-size: .85em; }
.finding { font-weight: 600; }
b, p.passed, p.failed { display: inline-block; padding: 0 .5em; border-radius: 3px; background: #eee; }
.passed { background: #d7f0d7; }
.failed, .error { background: #f7d4d4; }
.warning { background: #fbeac0; }
.info { background: #d8e6f7; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818; } b, p.passed, p.failed { color: #222; } }
`;
