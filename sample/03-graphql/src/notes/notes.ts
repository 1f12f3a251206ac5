/** What a session of this application holds. With this `session.data.notes` has its type everywhere. */
declare module 'nest-sessions' {
  interface SessionData {
    notes?: string[];
  }
}

const MOST = 20;

/** The oldest go when there are too many: whatever a visitor may store has a limit. */
export const withNote = (notes: readonly string[] = [], text: string): string[] =>
  [...notes, text].slice(-MOST);
