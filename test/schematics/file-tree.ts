import type { Tree } from '@angular-devkit/schematics';

/**
 * As much of the tree of files of a schematic as is used. The real one needs a module that Jest does not load on Node 20; the
 * package test runs the schematic by the Nest CLI.
 */
export class FileTree {
  readonly #files = new Map<string, string>();

  exists(path: string): boolean {
    return this.#files.has(rooted(path));
  }

  readText(path: string): string {
    const text = this.#files.get(rooted(path));
    if (text === undefined) throw new Error(`${path} does not exist.`);
    return text;
  }

  create(path: string, text: string): void {
    if (this.exists(path)) throw new Error(`${path} exists.`);
    this.#files.set(rooted(path), text);
  }

  overwrite(path: string, text: string): void {
    this.readText(path);
    this.#files.set(rooted(path), text);
  }

  /** All of it. */
  get files(): Record<string, string> {
    return Object.fromEntries(this.#files);
  }

  get asTree(): Tree {
    return this as unknown as Tree;
  }
}

const rooted = (path: string): string => `/${path.replace(/^\//, '')}`;
