/** Publish and subscribe of a store's server, on one channel. */
export interface NoticeTransport {
  send(notice: string): Promise<unknown>;
  /**
   * Subscribes, and again after every lost connection, until the returned function is called. Never throws.
   *
   * @param onError gets why a subscription failed, for whoever wants to know
   */
  listen(onNotice: (notice: string) => void, onError?: (error: unknown) => void): () => void;
}
