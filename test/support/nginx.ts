import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { describeWith, freePort, START_TIMEOUT } from './servers.js';
import { until } from './until.js';

/** Debian keeps it out of the path of users other than root. */
const PROGRAM = ['/usr/sbin/nginx', '/usr/local/sbin/nginx'].find(existsSync) ?? 'nginx';

/** Specs behind an nginx that they start themselves. */
export const describeWithNginx = (name: string, specs: () => void): void =>
  describeWith([PROGRAM], 'apt-get install nginx-light (or nginx)', name, specs);

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** An nginx of the suite's own on a free port, which stores in a temporary directory whatever it may. */
export class CachingProxy {
  readonly #process: ChildProcess;

  private constructor(
    readonly url: string,
    readonly directory: string,
    child: ChildProcess,
  ) {
    this.#process = child;
  }

  /** In front of this application. `directives` change what it stores, and for whom. */
  static async start(application: string, directives: readonly string[] = []): Promise<CachingProxy> {
    const directory = await mkdtemp(join(tmpdir(), 'sessions-nginx-'));
    const port = await freePort();
    await writeFile(
      join(directory, 'nginx.conf'),
      configuration({ application, directives, directory, port }),
    );
    // Given here as well, because nginx opens a log before it reads where that is.
    const args = ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', join(directory, 'error.log')];
    const proxy = new CachingProxy(
      `http://127.0.0.1:${port}`,
      directory,
      spawn(PROGRAM, args, { stdio: 'ignore' }),
    );
    await until(() => proxy.#listens(port), `nginx listening on port ${port}`, START_TIMEOUT);
    return proxy;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const gone = once(this.#process, 'exit');
      // Stops at once, and its workers with it.
      this.#process.kill('SIGTERM');
      await gone;
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  async #listens(port: number): Promise<boolean> {
    if (this.#process.exitCode !== null)
      throw new Error(`nginx ended: ${await readFile(join(this.directory, 'error.log'), 'utf8')}`);
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }
}

interface Configuration {
  application: string;
  directives: readonly string[];
  directory: string;
  port: number;
}

/** Every response that says nothing of caches is stored for ten minutes, whatever its status. */
const configuration = ({ application, directives, directory, port }: Configuration): string => `
daemon off;
${userInfo().uid === 0 ? 'user root root;' : ''}
worker_processes 1;
pid ${directory}/nginx.pid;
events { worker_connections 512; }
http {
  access_log off;
  ${TEMPORARY.map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
  proxy_cache_path ${directory}/cache levels=1:2 keys_zone=shared:1m inactive=1h use_temp_path=off;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${application};
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_set_header Host $http_host;
      proxy_cache shared;
      proxy_cache_key $scheme$host$uri$is_args$args;
      proxy_cache_valid any 10m;
      # Concurrent requests for one page wait for the first, as for one that can be stored.
      proxy_cache_lock on;
      proxy_cache_lock_timeout 100ms;
      add_header X-Cache $upstream_cache_status always;
      ${directives.join('\n      ')}
    }
  }
}
`;
