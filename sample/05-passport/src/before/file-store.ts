import { mkdirSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { callbackify } from 'node:util';
import session, { type SessionData } from 'express-session';

/**
 * The sessions of express-session in files, so that another process can read them. In its place a real application has
 * connect-redis, connect-pg-simple or the like.
 */
export class FileStore extends session.Store {
  readonly #folder: string;

  constructor(folder: string) {
    super();
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
  }

  override get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    callbackify(() => this.#read(sid))(callback);
  }

  override set(sid: string, session: SessionData, callback: (error?: unknown) => void = ignore): void {
    callbackify(() => this.#write(sid, session))(callback);
  }

  override destroy(sid: string, callback: (error?: unknown) => void = ignore): void {
    callbackify(() => rm(this.#file(sid), { force: true }))(callback);
  }

  async #read(sid: string): Promise<SessionData | null> {
    try {
      return JSON.parse(await readFile(this.#file(sid), 'utf8')) as SessionData;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  /** By another name first: a reader never finds half a session. */
  async #write(sid: string, session: SessionData): Promise<void> {
    const draft = `${this.#file(sid)}.${process.hrtime.bigint()}`;
    await writeFile(draft, JSON.stringify(session));
    await rename(draft, this.#file(sid));
  }

  /** Whoever asks has verified the signature of the cookie, so the id is one that express-session made. */
  #file(sid: string): string {
    return join(this.#folder, `${sid}.json`);
  }
}

const ignore = (): void => undefined;
