import { UsageError } from '../errors.js';

/** Whether a host is this machine, whatever a resolver says of other names. */
export const isLoopback = (hostname: string): boolean =>
  /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname.toLowerCase());

/** What was said of the host, at two places. */
export interface Permission {
  /** On the command line: `--allow-host`. */
  allowed: string | undefined;
  /** In the config: `iOwn`. */
  owned: string | undefined;
}

/** The target of a text. @throws UsageError for what is no address of HTTP, or has a path */
export function targetOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new UsageError('Give the target as http://host:port or https://host.');
  if (url.username !== '' || url.password !== '')
    throw new UsageError('Give the target without a name and a password.');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new UsageError('Give the target without a path: the config has the paths.');
  return url;
}

/** Whoever attacks another machine has to say its name twice. @throws UsageError */
export function checkHost(target: URL, { allowed, owned }: Permission, insecure: boolean): void {
  const host = target.hostname;
  if (isLoopback(host)) return;
  if (insecure) throw new UsageError(`--insecure is for loopback only, not for ${host}.`);
  if (allowed === host && owned === host) return;
  throw new UsageError(
    `${host} is not this machine. Attack only what you own, or are allowed to attack. If so, say it twice: ` +
      `--allow-host ${host} on the command line, and "iOwn": "${host}" in the config.`,
  );
}
