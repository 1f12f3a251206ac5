/** What a session of this application holds. With this `session.data.said` has its type everywhere. */
declare module 'nest-sessions' {
  interface SessionData {
    /** How many messages were sent with it. */
    said?: number;
  }
}

export interface ChatLine {
  readonly name: string;
  readonly text: string;
}
