import { runInNewContext } from 'node:vm';
import { causeOf } from '../../../../lib/core/storage/health/error-cause.js';
import { withoutValues } from '../../../../lib/core/storage/health/driver-error.js';
import { unavailable } from '../../../../lib/core/util/errors.js';

const TOKEN = 'q3Zk1vB0TnS2mW5xYc7dEf.8uJkLmNoPqRsTuVwXyZ0123456789abcdefghijkLMNo';
const HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('the cause of a failing store in a log', () => {
  it('is the class, the code and the message of the error of the driver', () => {
    const error = Object.assign(new TypeError('connect ECONNREFUSED 127.0.0.1:6379'), {
      code: 'ECONNREFUSED',
    });
    const cause = 'TypeError ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:6379';
    expect(causeOf(error)).toBe(cause);
    expect(causeOf(unavailable(error))).toBe(cause);
  });

  it('includes the causes of the error, each once', () => {
    const inner = Object.assign(new Error('relation "sessions" does not exist'), { code: '42P01' });
    const outer = new Error('run migrate()', { cause: new Error('run migrate()', { cause: inner }) });
    expect(causeOf(outer)).toBe('Error: run migrate() ← Error 42P01: relation "sessions" does not exist');
  });

  it('is that of the first address, where a host has several', () => {
    const each = [
      new Error('connect ECONNREFUSED ::1:5432'),
      new Error('connect ECONNREFUSED 127.0.0.1:5432'),
    ];
    const error = Object.assign(new AggregateError(each), { code: 'ECONNREFUSED' });
    expect(causeOf(error)).toBe('AggregateError ECONNREFUSED ← Error: connect ECONNREFUSED ::1:5432');
  });

  it('is found in errors of another realm, as those of Node are under Jest', () => {
    const foreign = runInNewContext(
      'Object.assign(new AggregateError([new Error("connect ECONNREFUSED ::1:1")]), { code: "ECONNREFUSED" })',
    ) as Error;
    expect(foreign).not.toBeInstanceOf(Error);
    const cause = 'AggregateError ECONNREFUSED ← Error: connect ECONNREFUSED ::1:1';
    expect(causeOf(foreign)).toBe(cause);
    expect(causeOf(unavailable(withoutValues(foreign)))).toBe(cause);
  });

  it.each([
    ['the password of a URL', 'cannot reach redis://default:pa55:w0rd@redis.internal:6379/0', 'pa55'],
    ['a password with an @', 'cannot reach postgres://app:p@ss@db/app', 'p@ss'],
    ['a password by its name', 'bad options: host=db password=hunter2 user=app', 'hunter2'],
    ['a quoted secret by its name', 'bad options: {"secret": "hunter2 of mine"}', 'hunter2'],
    ['a token', `no such key nest-sessions:s:${TOKEN}`, '8uJkLmNoPqRsTuVwXyZ'],
    ['a hash', `WRONGTYPE ${HASH}`, HASH.slice(0, 16)],
  ])('does not have %s', (_what, message, secret) => {
    const cause = causeOf(new Error(message));
    expect(cause).not.toContain(secret);
    expect(cause).toContain('***');
  });

  it('keeps what tells an operator which server and which table', () => {
    const message =
      'relation "app.nest_sessions_of_the_shop" does not exist, asked db-1.eu-central.example.com:5432';
    expect(causeOf(new Error(message))).toBe(`Error: ${message}`);
  });

  it('is one line of bounded length, whatever was thrown', () => {
    expect(causeOf(new Error('a\nERROR [app] forged\r\u2028b'))).toBe('Error: a ERROR [app] forged b');
    expect(causeOf(new Error('no '.repeat(5_000))).length).toBeLessThan(600);
    expect(causeOf('redis://user:pa55w0rd@host')).not.toContain('pa55w0rd');
    expect(causeOf(undefined)).toMatch(/not an Error/);
    const circular = new Error('round');
    circular.cause = new Error('and round', { cause: circular });
    expect(causeOf(circular)).toBe('Error: round ← Error: and round');
  });
});
