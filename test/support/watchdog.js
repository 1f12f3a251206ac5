import { appendFileSync, mkdirSync, writeSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { parentPort, workerData } from 'node:worker_threads';

/** The thread of `watched-environment.js`, which tells it of each suite, and undefined when one has ended, and of its tests. */
const { limit } = workerData;

const CACHE = new URL('../../.cache/', import.meta.url);

let timer;
let current;
let failed = [];

parentPort.on('message', (message) => {
  if ('test' in message) current = message.test;
  else if ('failed' in message) failed.push(message.failed);
  else begin(message.suite);
});

function begin(suite) {
  clearTimeout(timer);
  current = undefined;
  failed = [];
  if (suite !== undefined) timer = setTimeout(end, limit, suite);
}

async function end(suite) {
  const where = await Promise.race([whereItStands(), later('It does not respond.')]);
  const message = [
    `\n${suite}\nhas not ended after ${limit / 1000} s. Its process is ended.`,
    `In the test: ${current ?? 'none yet'}`,
    `Failed before: ${failed.length}${failed
      .slice(0, 3)
      .map((test) => `\n    ${test}`)
      .join('')}`,
    `${where}\n`,
  ].join('\n');
  writeSync(2, message);
  // Jest shows nothing of a process that has taken the place of another one.
  mkdirSync(CACHE, { recursive: true });
  appendFileSync(new URL('hung-suites.txt', CACHE), message);
  process.kill(process.pid, 'SIGKILL');
}

/** The stack, if it is in code; what it waits for, if its event loop is idle. */
async function whereItStands() {
  const session = new Session();
  session.connectToMainThread();
  const paused = new Promise((resolve) =>
    session.once('Debugger.paused', ({ params }) => resolve(stackOf(params))),
  );
  await session.post('Debugger.enable');
  const pending = await Promise.race([
    session.post('Runtime.evaluate', { expression: 'process.getActiveResourcesInfo().join()' }),
    later(undefined, 2000),
  ]);
  await session.post('Debugger.pause');
  return Promise.race([paused, later(`It waits: ${pending?.result.value}`, 2000)]);
}

function stackOf({ callFrames }) {
  return callFrames
    .map(
      ({ functionName, url, location }) =>
        `    at ${functionName || '(anonymous)'} (${url}:${location.lineNumber + 1})`,
    )
    .join('\n');
}

function later(value, milliseconds = 10_000) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, value));
}
