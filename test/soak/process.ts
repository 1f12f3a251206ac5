import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FromNode, Kind, NodeSettings, Vitals } from './settings.js';

/** What a node tells beside what it is asked for. */
export interface Listener {
  defect(text: string): void;
  event(kind: Kind, name: string): void;
}

/** How long a process may say nothing, in milliseconds. */
const PATIENCE = 30_000;

/** One process of the application, which may be killed and started again. */
export class NodeProcess {
  #child: ChildProcess | undefined;
  #urls: Record<Kind, string> | undefined;

  constructor(
    readonly name: string,
    readonly settings: NodeSettings,
    private readonly listener: Listener,
  ) {}

  url(kind: Kind): string {
    if (this.#urls === undefined) throw new Error(`${this.name} was never started.`);
    return this.#urls[kind];
  }

  async start(): Promise<void> {
    const main = fileURLToPath(new URL('./node.js', import.meta.url));
    const child = fork(main, [JSON.stringify(this.settings)], {
      execArgv: ['--expose-gc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    child.on('message', (message: FromNode) => {
      if (message.type === 'defect') this.listener.defect(`${this.name}: ${message.text}`);
      if (message.type === 'event') this.listener.event(message.kind, message.name);
    });
    child.on('exit', (code, signal) => {
      if (this.#child === child) this.listener.defect(`${this.name} ended by itself: ${signal ?? code}`);
    });
    this.#child = child;
    this.#urls = (await reply(child, 'ready')).urls;
  }

  /** As the machine's kernel does when the memory is short. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** `undefined` where it is not running, or says nothing. */
  async vitals(): Promise<Vitals | undefined> {
    const child = this.#child;
    if (!child?.connected) return undefined;
    child.send('vitals');
    return reply(child, 'vitals').catch((error: Error) => {
      if (this.#child === child) this.listener.defect(`${this.name}: ${error.message}`);
      return undefined;
    });
  }
}

function reply<T extends FromNode['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<FromNode, { type: T }>> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: FromNode): void => {
      if (message.type !== type) return;
      done();
      resolve(message as Extract<FromNode, { type: T }>);
    };
    const onExit = (): void => {
      done();
      reject(new Error('The process ended before it replied.'));
    };
    const timer = setTimeout(() => {
      done();
      reject(new Error(`The process did not say "${type}" within ${PATIENCE / 1_000} s.`));
    }, PATIENCE);
    const done = (): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
  });
}
