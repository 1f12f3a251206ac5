import { readFileSync } from 'node:fs';
import type { Surface } from '../../attack/command.js';
import { UsageError } from '../../attack/errors.js';
import { argumentsOf, HELP, type DoctorArguments } from './arguments.js';
import { startApplication } from './application.js';
import { findings, type Finding } from './finding.js';
import { linesOf, reportOf } from './report.js';
import { settingsFindings } from './settings.js';
import { siteFindings } from './site.js';
import { isSilent, postgresFindings, redisFindings, storeFindings } from './stores.js';

const FINE = 0;
const PROBLEMS = 1;

/** Returns the exit code. @throws UsageError */
export async function doctor(args: readonly string[], surface: Surface): Promise<number> {
  const given = argumentsOf(args);
  if (given.help) {
    surface.out(HELP);
    return FINE;
  }
  if (given.envFile !== undefined) loadEnvFile(given.envFile);
  const { found, secrets } = await examine(given, surface);
  const report = reportOf(found, [...secrets, ...passwordsOf(given)]);
  surface.out(given.json ? `${JSON.stringify(report, null, 2)}\n` : linesOf(report));
  return report.passed ? FINE : PROBLEMS;
}

interface Examined {
  found: readonly Finding[];
  /** Texts that must not be printed. */
  secrets: readonly string[];
}

async function examine(given: DoctorArguments, surface: Surface): Promise<Examined> {
  const { module, redis, postgres, site, timeout } = given;
  const own = module ? await apart(() => examineApplication(module, timeout, surface)) : undefined;
  const post = site?.post === undefined ? undefined : bodyOf(site.post);
  const cookie = given.cookie ?? own?.cookie;
  const found = [
    ...(own?.found ?? []),
    ...(redis ? await redisFindings({ ...redis, timeout }) : []),
    ...(postgres ? await postgresFindings({ ...postgres, timeout }) : []),
    ...(site ? await siteFindings({ url: site.url, post, cookie, timeout }) : []),
  ];
  return { found, secrets: [...(own?.secrets ?? []), ...(post === undefined ? [] : [post])] };
}

async function examineApplication(
  module: NonNullable<DoctorArguments['module']>,
  timeout: number,
  { env }: Surface,
): Promise<Examined & { cookie?: string }> {
  const { ok, problem } = findings('application');
  const application = await startApplication(module, timeout);
  if ('finding' in application)
    return { found: [problem(application.finding, application.remedy)], secrets: [] };
  const { settings, engine, close } = application;
  try {
    const production = env['NODE_ENV'] === 'production';
    const problems = await engine.diagnose();
    return {
      found: [
        ok(`It starts, with NODE_ENV ${env['NODE_ENV'] ?? 'unset'}.`),
        ...settingsFindings(settings, production),
        ...storeFindings(problems, problems.some(isSilent) ? [] : await engine.examine()),
      ],
      secrets: settings.secrets.reveal().filter((one) => typeof one === 'string'),
      cookie: settings.engine.cookie.name,
    };
  } finally {
    await close();
  }
}

/** Keeps the standard output for the result: what the application prints there goes to the standard error meanwhile. */
async function apart<T>(work: () => Promise<T>): Promise<T> {
  const { stdout, stderr } = process;
  const { write } = stdout;
  stdout.write = stderr.write.bind(stderr);
  try {
    return await work();
  } finally {
    stdout.write = write;
  }
}

function loadEnvFile(path: string): void {
  try {
    process.loadEnvFile(path);
  } catch {
    throw new UsageError(`--env: ${path} cannot be read.`);
  }
}

/** `@file` reads it from a file, so that no password is in the list of processes. */
function bodyOf(post: string): string {
  if (!post.startsWith('@')) return post;
  try {
    return readFileSync(post.slice(1), 'utf8').trim();
  } catch {
    throw new UsageError(`--post: ${post.slice(1)} cannot be read.`);
  }
}

/** As they stand in the addresses, and as a server gets them. */
function passwordsOf({ redis, postgres, site }: DoctorArguments): string[] {
  const urls = [redis?.url, postgres?.url, site?.url.href].filter((one) => one !== undefined);
  return urls.flatMap((one) => {
    const { password } = new URL(one);
    return [password, decoded(password)];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
