import { connect } from 'node:net';

/** Requests that one connection has under way at a time. */
const AT_ONCE = 50;

/** Sends the same GET many times over a few connections, pipelined. Returns how many were answered 200. */
export async function flood(url: string, path: string, count: number, connections = 10): Promise<number> {
  const each = count / connections;
  const answered = await Promise.all(
    Array.from({ length: connections }, () => oneConnection(url, path, each)),
  );
  return answered.reduce((sum, one) => sum + one, 0);
}

function oneConnection(url: string, path: string, count: number): Promise<number> {
  const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  return new Promise((resolve, reject) => {
    let [sent, answered, good] = [0, 0, 0];
    let cut = '';
    const socket = connect(Number(new URL(url).port), '127.0.0.1', send);
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      const text = cut + chunk.toString('latin1');
      for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d{3})/g)) {
        answered++;
        if (status === '200') good++;
      }
      // Too short for a status line that was counted, long enough for one that was cut.
      cut = text.slice(-'HTTP/1.1 20'.length);
      if (answered < sent) return;
      if (sent < count) return send();
      socket.destroy();
      resolve(good);
    });

    function send(): void {
      const batch = Math.min(AT_ONCE, count - sent);
      sent += batch;
      socket.write(request.repeat(batch));
    }
  });
}
