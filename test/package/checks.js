import { execFile } from 'node:child_process';

let passed = 0;
const failures = [];

/** Runs one check, prints how it went, and goes on after a failure. */
export async function check(name, work) {
  const started = Date.now();
  try {
    await work();
    passed++;
    console.log(`ok      ${name} (${seconds(started)})`);
  } catch (error) {
    failures.push(name);
    console.log(`FAILED  ${name} (${seconds(started)})\n${error.message}`);
  }
}

/** What a program printed; rejects with all of it where the program fails. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 2 ** 26, timeout: 240_000, ...options }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(' ')}\n${stdout}\n${stderr}`.trim()));
      else resolve(stdout);
    });
  });
}

export function report(started) {
  console.log(`package: ${passed} passed, ${failures.length} failed, 0 skipped (${seconds(started)})`);
  if (failures.length > 0 || passed === 0) process.exitCode = 1;
}

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;
