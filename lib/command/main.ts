#!/usr/bin/env node
import { command } from './command.js';

/** Milliseconds until what an application has left open is no longer waited for. */
const LINGERS = 1_000;

void command(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  interactive: process.stdout.isTTY === true,
}).then((code) => {
  process.exitCode = code;
  setTimeout(() => process.exit(), LINGERS).unref();
});
