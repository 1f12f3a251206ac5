import { command as attack, type Surface } from '../attack/command.js';
import { UsageError } from '../attack/errors.js';
import { unknownKey } from '../attack/config/complaints.js';
import { doctor } from './doctor/doctor.js';
import { secret } from './secret.js';

export type { Surface };

/** Takes what follows its name, and returns the exit code. @throws UsageError */
type Subcommand = (args: readonly string[], surface: Surface) => Promise<number> | number;

const COMMANDS: Readonly<Record<string, Subcommand>> = {
  secret,
  doctor,
  attack: (args, surface) => attack(['attack', ...args], surface),
};

export const HELP = `nest-sessions <command>

  secret            prints a new secret, for SESSION_SECRET
  doctor            checks a configuration against its store as it runs, and prints what it found
  attack <url>      attacks the session handling of a running application over HTTP

nest-sessions <command> --help tells more of each.
`;

const FINE = 0;
const WRONG_USE = 2;

/** Runs the program, and returns its exit code: 0, 1 for findings, 2 for wrong use. */
export async function command(args: readonly string[], surface: Surface): Promise<number> {
  const [name = '--help', ...rest] = args;
  if (name === '--help' || name === '-h' || name === 'help') {
    surface.out(HELP);
    return FINE;
  }
  try {
    if (!Object.hasOwn(COMMANDS, name))
      throw new UsageError(`${unknownKey(name, Object.keys(COMMANDS), 'command')}\n\n${HELP}`);
    return await COMMANDS[name]!(rest, surface);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    surface.err(`${error.message.trimEnd()}\n`);
    return WRONG_USE;
  }
}
