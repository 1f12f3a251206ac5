#!/usr/bin/env node
import { command } from './command.js';

/** Milliseconds until what an application has left open is no longer waited for. */
const LINGERS = 1_000;

let ended = false;

// A process whose application exits, or waits for nothing that could happen, has found nothing out: that is no success.
process.once('exit', (code) => {
  if (ended || code !== 0) return;
  process.stderr.write('The process ended before there was a result.\n');
  process.exitCode = 1;
});

void command(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  interactive: process.stdout.isTTY === true,
}).then((code) => {
  ended = true;
  process.exitCode = code;
  setTimeout(() => process.exit(), LINGERS).unref();
});
