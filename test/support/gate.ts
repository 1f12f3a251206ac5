/** Holds a handler until the spec lets it go on. */
export interface Gate {
  /** Called by the handler. */
  pass(): Promise<void>;
  /** Settles when the handler has arrived. */
  readonly reached: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let arrive = (): void => undefined;
  let open = (): void => undefined;
  const reached = new Promise<void>((resolve) => (arrive = resolve));
  const opening = new Promise<void>((resolve) => (open = resolve));
  return { reached, open: () => open(), pass: () => (arrive(), opening) };
}
