import { cpSync, rmSync } from 'node:fs';

/** Where the compiled files are: `.cache/soak`. */
const home = new URL('../', import.meta.url);
const root = new URL('../../', home);

/**
 * Copies the built library to the compiled soak, which finds it there by the name of the package. A process that is
 * started late must load the same files, although the library may be built anew in the meantime.
 */
export function keepBuild(): void {
  rmSync(new URL('dist', home), { recursive: true, force: true });
  for (const part of ['package.json', 'dist'])
    cpSync(new URL(part, root), new URL(part, home), { recursive: true });
}
