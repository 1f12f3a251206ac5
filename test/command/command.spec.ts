import { Program } from './program.js';

let program: Program;

beforeAll(async () => {
  program = await Program.make();
}, 60_000);

afterAll(() => program.remove());

describe('nest-sessions', () => {
  it.each([[[]], [['--help']], [['help']]])('lists its commands: %j', async (args) => {
    const { exit, out } = await program.run(args);
    expect([exit, out]).toEqual([0, expect.stringMatching(/^ {2}secret .*\n {2}doctor .*\n {2}attack /m)]);
  });

  it('ends with 2 for a command that it does not know, and lists those that it has', async () => {
    const { exit, out, err } = await program.run(['docter']);
    expect([exit, out]).toEqual([2, '']);
    expect(err).toMatch(/Did you mean "doctor"\?[^]*secret .*prints/);
  });

  it.each([
    ['secret', '--env <name>'],
    ['doctor', '--postgres <url>'],
    ['attack', '--fail-on <severity>'],
  ])('tells more of %s', async (name, option) => {
    const { exit, out } = await program.run([name, '--help']);
    expect([exit, out]).toEqual([0, expect.stringContaining(option)]);
  });
});

describe('nest-sessions secret', () => {
  it('prints another secret each time, of 256 bits', async () => {
    const [one, two] = [await program.run(['secret']), await program.run(['secret'])];
    expect([one.exit, one.err, one.out]).toEqual([0, '', expect.stringMatching(/^[\w-]{43}\n$/)]);
    expect(two.out).not.toBe(one.out);
  });

  it('prints a line for .env', async () => {
    const { out } = await program.run(['secret', '--env', 'SESSION_SECRET']);
    expect(out).toMatch(/^SESSION_SECRET=[\w-]{43}\n$/);
  });

  it.each([[['--bits', '128']], [['one']]])('ends with 2 for %j', async (args) => {
    const { exit, out, err } = await program.run(['secret', ...args]);
    expect([exit, out, err]).toEqual([2, '', expect.stringContaining('nest-sessions secret --help')]);
  });
});
