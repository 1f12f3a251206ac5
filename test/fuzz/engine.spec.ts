import ts from 'typescript';
import { Counters } from './engine/counters.js';
import { explore } from './engine/exploration.js';
import { instrument } from './engine/instrument.js';
import { assertUnpolluted } from './engine/pollution.js';
import { must, type Target } from './engine/target.js';

const counters = Counters.install();

type Parser = (text: string) => unknown;

/** A function of a source that stands in this file. */
const evaluated = (...source: string[]): Parser =>
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  new Function(...source) as Parser;

/** A parser as the exploration sees those of the library: compiled, and instrumented. */
function instrumented(source: string): Parser {
  const code = instrument(source, () => counters.reserve());
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const exported: { parse?: Parser } = {};
  evaluated('exports', outputText)(exported as never);
  return exported.parse!;
}

const targetOf = (
  parse: Parser,
  check: (result: unknown, text: string) => void = () => undefined,
): Target => ({
  name: 'planted',
  seeds: ['abc'],
  words: ['x'],
  check: (text) => check(parse(text), text),
  parse: (text) => void parse(text),
});

const run = (target: Target, seed = 1, executions = 60_000) =>
  explore(target, { seed, budget: { executions, time: 20_000 }, counters });

/** A fault behind five comparisons, each of which is reached only by what passed the ones before it. */
const DEEP = `
  export function parse(text) {
    if (text[0] === 'f') {
      if (text[1] === 'u') {
        if (text[2] === 'z') {
          if (text[3] === '|') {
            if (text.length === 5) throw new Error('deep');
          }
        }
      }
    }
  }`;

describe('the exploration', () => {
  it('finds a fault behind several comparisons, and shrinks its input', async () => {
    const { finding } = await run(targetOf(instrumented(DEEP)));
    expect(String(finding?.error)).toBe('Error: deep');
    expect(finding?.input).toMatch(/^fuz\|.$/s);
  });

  it('finds it because of what the inputs reach', async () => {
    const blind = evaluated('text', `return (${DEEP.replace('export', '')})(text)`);
    expect((await run(targetOf(blind))).finding).toBeUndefined();
  });

  it('finds the same again with the same seed', async () => {
    const parse = instrumented(DEEP);
    const [one, two] = [await run(targetOf(parse), 5), await run(targetOf(parse), 5)];
    expect([two.executions, two.finding?.input]).toEqual([one.executions, one.finding?.input]);
  });

  it('finds an input that is accepted and was never issued', async () => {
    const parse = instrumented(`export const parse = (text) => text.trim().toLowerCase() === 'abc';`);
    const { finding } = await run(
      targetOf(parse, (accepted, text) => must(accepted === (text === 'abc'), 'only what was issued')),
    );
    expect(String(finding?.error)).toBe('Violation: only what was issued');
    expect(finding?.input.trim().toLowerCase()).toBe('abc');
  });

  it('finds effort that grows faster than the input', async () => {
    const parse = instrumented(`
      export function parse(text) {
        let same = 0;
        for (const one of text) for (const other of text) if (one === other) same++;
        return same;
      }`);
    expect(String((await run(targetOf(parse))).finding?.error)).toContain(
      'the effort grows faster than the input',
    );
  });

  it('finds a regular expression that goes back again and again', async () => {
    const parse = instrumented(`export const parse = (text) => / +$/.test(text + 'x');`);
    const target = { ...targetOf(parse), seeds: [' '] };
    expect(String((await run(target)).finding?.error)).toContain('a long input takes too long');
  });

  it('finds a property that an input left on a prototype', async () => {
    const parse = instrumented(`
      export function parse(text) {
        const found = {};
        const [name, key] = text.split('.');
        if (found[name] && key) found[name][key] = 1;
      }`);
    const { finding } = await run({ ...targetOf(parse), words: ['__proto__', '.'] });
    expect(String(finding?.error)).toContain('a prototype was polluted');
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('removes from a prototype what an input left there, and nothing else', () => {
    const before = Reflect.ownKeys(Object.prototype);
    for (const key of ['7', 'left', Symbol('left')]) {
      Object.defineProperty(Object.prototype, key, { value: 1, configurable: true });
      expect(assertUnpolluted).toThrow('a prototype was polluted');
      expect(Reflect.ownKeys(Object.prototype)).toEqual(before);
    }
    expect(assertUnpolluted).not.toThrow();
  });

  it('finds what a parser that is awaited does wrong, and shrinks its input', async () => {
    const parse = instrumented(DEEP);
    const target = targetOf(parse);
    const awaited: Target = {
      ...target,
      check: (text) => new Promise((resolve) => setImmediate(resolve)).then(() => target.check(text)),
      parse: (text) => Promise.resolve().then(() => target.parse(text)),
    };
    const { finding } = await run({ ...awaited, words: ['fuz', '|'] }, 1, 20_000);
    expect(String(finding?.error)).toBe('Error: deep');
    expect(finding?.input).toMatch(/^fuz\|.$/s);
  });

  it('finds nothing in a parser without a fault', async () => {
    const parse = instrumented(`export const parse = (text) => text.split(';').map((part) => part.trim());`);
    expect(await run(targetOf(parse), 3, 5_000)).toMatchObject({ executions: 5_000, finding: undefined });
  });
});

describe('the instrumentation', () => {
  it('leaves what a program does as it is', () => {
    const source = `
      export function parse(text) {
        const out = [];
        for (const char of text) if (char === 'a') out.push(1); else out.push(char === 'b' ? 2 : 3);
        let i = 0;
        while (i < 2) i++;
        switch (text) { case '': out.push('empty'); break; default: out.push(text && text.length || 'none'); }
        const pick = (value) => value ?? 'nothing';
        return JSON.stringify([out, i, pick(text[5]), (({ a }) => ({ a }))({ a: 1 })]);
      }`;
    const plain = evaluated('text', `return (${source.replace('export', '')})(text)`);
    const counted = instrumented(source);
    for (const text of ['', 'abc', 'aabbcc']) expect(counted(text)).toBe(plain(text));
  });
});
