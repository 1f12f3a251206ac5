#!/usr/bin/env node
import { command } from './command.js';

void command(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  interactive: process.stdout.isTTY === true,
}).then((code) => {
  process.exitCode = code;
});
