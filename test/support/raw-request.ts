import { request } from 'node:http';
import { connect } from 'node:net';

/** A request for a target exactly as given, which a URL would normalise. Returns the status and one header. */
export function rawGet(
  url: string,
  target: string,
  headers: Record<string, string>,
): Promise<{ status: number; location: string | undefined }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path: target, headers }, (response) => {
      response.resume();
      response.on('end', () =>
        resolve({ status: response.statusCode!, location: response.headers.location }),
      );
    })
      .on('error', reject)
      .end();
  });
}

/** Sends a text as it is, such as a request of HTTP/1.0, and returns what comes back until the connection is closed. */
export function rawRequest(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(text, 'latin1'));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}
