// Two nodes and a proxy in front of them: `npm start`, or `STORE=postgres npm start`.
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createProxy } from './proxy.js';

const port = Number(process.env['PORT'] ?? 3000);
const ports = [port + 1, port + 2];
// One secret for both: a cookie that one node signed has to be good on the other.
const secret = process.env['SESSION_SECRET'] ?? randomBytes(32).toString('base64url');

const nodes = ports.map((nodePort, i) => startNode(`node-${i + 1}`, nodePort));
await Promise.all(nodes.map((node) => once(node, 'message')));
createProxy(ports).listen(port, 'localhost', () => {
  console.log(`Open http://localhost:${port}  (the sessions are in ${process.env['STORE'] ?? 'redis'})`);
  console.log('Log in, then end one node, and you are still logged in:');
  nodes.forEach((node, i) =>
    console.log(`  kill -9 ${node.pid}   # node-${i + 1}, http://127.0.0.1:${ports[i]}`),
  );
});

function startNode(name: string, nodePort: number): ChildProcess {
  const env = { ...process.env, PORT: String(nodePort), NODE_NAME: name, SESSION_SECRET: secret };
  const node = fork(fileURLToPath(new URL('node.js', import.meta.url)), { env });
  node.on('exit', (code, signal) => console.log(`${name} ended (${signal ?? code}).`));
  return node;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    for (const node of nodes) node.kill();
    process.exit(0);
  });
}
