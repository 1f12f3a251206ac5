import { parseArgs } from 'node:util';
import type { Surface } from '../attack/command.js';
import { newSecret } from '../core/token/ids.js';
import { parsed } from './options.js';

const HELP = `nest-sessions secret [--env <name>]

Prints a new secret: 256 random bits, as 43 characters of base64url.

  --env <name>  prints a line for .env: <name>=<secret>
  --help

export SESSION_SECRET=$(npx nest-sessions secret)
npx nest-sessions secret --env SESSION_SECRET >> .env
`;

/** @throws UsageError */
export function secret(args: readonly string[], { out }: Surface): number {
  const options = { env: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { env, help } = parsed('secret', () => parseArgs({ args: [...args], options })).values;
  if (help) out(HELP);
  else out(`${env === undefined ? '' : `${env}=`}${newSecret()}\n`);
  return 0;
}
