import type { Result } from './round.js';
import { KINDS } from './settings.js';

const SHOWN = 5;

/** What a run has to have done, or it has shown nothing. */
const EXPECTED = [
  '/me',
  '/write',
  '/update',
  '/login',
  '/relogin',
  '/regenerate',
  '/logout',
  '/everywhere',
  '/others',
  '/revoke',
  '/me cancelled',
  '/write slow',
];

export function missing({ findings, outages }: Result, withOutages: boolean): string[] {
  const acts = KINDS.flatMap((kind) => EXPECTED.map((act) => `${kind} ${act}`));
  const undone = acts.filter((act) => !act.endsWith('cancelled') && !findings.acknowledged.has(act));
  return withOutages && outages.size < 5 ? [...undone, 'every kind of outage'] : undone;
}

export function report(result: Result, seed: number): string {
  const { findings, outages, vitals } = result;
  const lines = [`seed ${seed}`, '', 'acknowledged:'];
  for (const kind of KINDS) lines.push(`  ${kind}: ${countsOf(findings.acknowledged, kind)}`);
  lines.push('events:');
  for (const kind of KINDS) lines.push(`  ${kind}: ${countsOf(findings.events, kind)}`);
  lines.push(
    `without a response: ${findings.unknown}; refused with 503: ${findings.refused}`,
    `sessions ended: ${findings.buried}; their cookies presented again: ${findings.replayed} times`,
    `outages: ${[...outages].map(([name, count]) => `${count} ${name}`).join(', ') || 'none'}`,
    `node 1:\n  ${vitals}`,
  );
  for (const [what, details] of findings.violations)
    lines.push(
      '',
      `VIOLATED: ${what}, ${details.length} times`,
      ...details.slice(0, SHOWN).map((one) => `  ${one}`),
    );
  lines.push(
    '',
    findings.violations.size === 0 ? '0 violations' : `${findings.violations.size} kinds of violations`,
  );
  return lines.join('\n');
}

const countsOf = (counts: ReadonlyMap<string, number>, kind: string): string =>
  [...counts]
    .filter(([name]) => name.startsWith(`${kind} `))
    .map(([name, count]) => `${count} ${name.slice(kind.length + 1)}`)
    .sort()
    .join(', ');
