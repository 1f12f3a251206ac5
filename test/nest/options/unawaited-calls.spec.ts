import { Logger } from '@nestjs/common';
import { UnawaitedCalls } from '../../../lib/nest/options/unawaited-calls.js';
import { LogSink } from '../../support/log-sink.js';

let sink: LogSink;
beforeEach(() => Logger.overrideLogger((sink = new LogSink())));
afterEach(() => Logger.overrideLogger(false));

describe('calls that nothing awaits, in the log', () => {
  it('the first is there at once with the stack of its cause, and the others are counted', () => {
    let now = 0;
    const calls = new UnawaitedCalls(() => now);
    const error = new Error('refused', { cause: new Error('no route to the store') });
    calls.note({ name: 'login()', error });
    expect(sink.lines).toEqual([
      expect.stringMatching(/^error: login\(\) failed, and its promise was not awaited\. Await it/),
    ]);
    expect(sink.text).toContain('Error: no route to the store\n    at ');
    for (let i = 0; i < 20; i++) calls.note({ name: 'login()', error });
    expect(sink.lines).toHaveLength(1);
    now = 60_000;
    calls.note({ name: 'login()', error });
    expect(sink.lines).toHaveLength(2);
    expect(sink.lines[1]).toContain('It is one of 21 since the last line.');
  });

  it('each call has a line of its own', () => {
    const calls = new UnawaitedCalls(() => 0);
    for (const name of ['login()', 'logout()', 'login()']) calls.note({ name, error: new Error('no') });
    expect(sink.lines).toEqual([
      expect.stringContaining('login() failed'),
      expect.stringContaining('logout() failed'),
    ]);
  });
});
