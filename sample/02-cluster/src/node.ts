// One node of the cluster: the login sample, with its sessions outside of the process.
import { createApp } from '../../01-login/dist/create-app.js';
import { settingsFrom } from '../../01-login/dist/settings.js';
import { openStore } from './store.js';

const { PORT, NODE_NAME = 'node' } = process.env;
const app = await createApp({ ...settingsFrom(process.env), store: await openStore(process.env) });
app.set('trust proxy', 'loopback');
app.use((_request: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
  response.setHeader('X-Node', NODE_NAME);
  next();
});
await app.listen(Number(PORT), '127.0.0.1');
process.send?.('listening');
