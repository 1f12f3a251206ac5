/** The ids of each subject's sessions. Most subjects have one session, which is stored without a set. */
export class SubjectIds {
  readonly #ids = new Map<string, string | Set<string>>();

  /** In the order in which they were added. */
  of(subject: string): string[] {
    const ids = this.#ids.get(subject);
    if (ids === undefined) return [];
    return typeof ids === 'string' ? [ids] : [...ids];
  }

  add(subject: string, id: string): void {
    const ids = this.#ids.get(subject);
    if (ids === undefined) this.#ids.set(subject, id);
    else if (typeof ids === 'string') this.#ids.set(subject, new Set([ids, id]));
    else ids.add(id);
  }

  remove(subject: string, id: string): void {
    const ids = this.#ids.get(subject);
    if (typeof ids === 'object') ids.delete(id);
    if (ids === id || (typeof ids === 'object' && ids.size === 0)) this.#ids.delete(subject);
  }
}
