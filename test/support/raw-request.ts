import { request } from 'node:http';

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
