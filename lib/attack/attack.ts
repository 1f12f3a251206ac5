import { CHECKS } from './checks/index.js';
import type { Check, Verdict } from './checks/check.js';
import { CheckError, UsageError } from './errors.js';
import type { Client } from './http/client.js';
import type { AttackConfig } from './config/config.js';
import { Scene } from './target/scene.js';
import { Secrets } from './target/secrets.js';
import type { Visitor } from './target/visitor.js';
import type { CheckResult } from './report/report.js';

/** Hears of each check as it begins and ends. */
export interface Progress {
  starts?(check: Check, at: number, of: number): void;
  ends?(result: CheckResult): void;
}

export interface Attacked {
  /** The names of the cookies that make up the session. */
  cookies: readonly string[];
  results: readonly CheckResult[];
  secrets: Secrets;
}

/**
 * Attacks one target with every check, one after the other.
 *
 * @param only ids of the checks to carry out; all without it
 * @throws UsageError if the target does not respond, or the config does not fit it
 */
export async function attack(
  config: AttackConfig,
  client: Client,
  progress: Progress = {},
  only?: readonly string[],
): Promise<Attacked> {
  const secrets = secretsOf(config);
  const cookies = await explore(new Scene(config, client, secrets, []));
  const checks = CHECKS.filter(({ id }) => only === undefined || only.includes(id));
  const results: CheckResult[] = [];
  for (const [at, check] of checks.entries()) {
    progress.starts?.(check, at + 1, checks.length);
    const result = await carryOut(check, new Scene(config, client, secrets, cookies));
    results.push(result);
    progress.ends?.(result);
  }
  return { cookies, results, secrets };
}

function secretsOf(config: AttackConfig): Secrets {
  const secrets = new Secrets();
  for (const user of Object.values(config.users)) {
    for (const [key, value] of Object.entries(user as Record<string, string>))
      if (key !== 'name') secrets.add(value);
  }
  const templates = [
    config.login,
    config.logout,
    config.relogin,
    config.read,
    config.write,
    config.increment,
  ];
  for (const template of templates) {
    for (const value of Object.values(template?.headers ?? {})) {
      if (!value.includes('{{')) secrets.add(value);
    }
  }
  return secrets;
}

async function carryOut(check: Check, scene: Scene): Promise<CheckResult> {
  const started = performance.now();
  const verdict = await verdictOf(check, scene);
  const redact = (text: string): string => scene.secrets.redact(text);
  const { id, title, why, requirements } = check;
  return {
    ...{ id, title, why, requirements },
    severity: (verdict.outcome === 'failed' ? verdict.severity : undefined) ?? check.severity,
    outcome: verdict.outcome,
    findings: verdict.outcome === 'failed' ? verdict.findings.map(redact) : [],
    ...('reason' in verdict && { reason: redact(verdict.reason) }),
    steps: scene.steps.map((step) => ({ ...step, path: redact(step.path) })),
    duration: Math.round(performance.now() - started),
  };
}

async function verdictOf(
  check: Check,
  scene: Scene,
): Promise<Verdict | { outcome: 'error'; reason: string }> {
  const { config } = scene;
  if (Object.hasOwn(config.skip, check.id))
    return { outcome: 'not applicable', reason: `Skipped: ${config.skip[check.id]}` };
  for (const need of check.needs ?? []) {
    const found = need === 'second' ? config.users.second : config[need];
    if (!found)
      return {
        outcome: 'not applicable',
        reason: `The config has no "${need === 'second' ? 'users.second' : need}".`,
      };
  }
  try {
    return await check.run(scene);
  } catch (error) {
    return { outcome: 'error', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether the config fits the target, and which cookies make up the session. */
async function explore(scene: Scene): Promise<readonly string[]> {
  const { config } = scene;
  try {
    if (await scene.visitor().isLoggedIn())
      throw new UsageError('read.loggedIn holds for a visitor who is not logged in: make it stricter.');
    const visitor = await scene.loggedIn();
    if (config.users.second) await scene.loggedIn(config.users.second);
    return await cookiesOf(scene, visitor);
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    throw new UsageError(`The attack cannot begin. ${scene.secrets.redact(error.message)}`);
  }
}

async function cookiesOf(scene: Scene, visitor: Visitor): Promise<readonly string[]> {
  const set = [...visitor.cookies.keys()];
  const { cookie } = scene.config;
  const missing = (cookie ?? []).filter((name) => !set.includes(name));
  if (missing.length > 0) throw new UsageError(`The login sets no cookie "${missing.join('", "')}".`);
  if (cookie) return cookie;
  const needed: string[] = [];
  for (const name of set) {
    const without = visitor.copy();
    without.cookies.delete(name);
    if (!(await without.isLoggedIn({ note: 'without one of the cookies' }))) needed.push(name);
  }
  if (needed.length === 0)
    throw new UsageError('No cookie of the login is one that a read cannot do without: name it in "cookie".');
  return needed;
}
