import { readFileSync } from 'node:fs';
import { createApp } from './create-app.js';
import { settingsFrom } from './settings.js';

const port = Number(process.env['PORT'] ?? 3006);
const httpsOptions = {
  key: readFileSync('.certificate/key.pem'),
  cert: readFileSync('.certificate/cert.pem'),
};
const app = await createApp(settingsFrom(process.env), { httpsOptions, logger: ['warn', 'error'] });
app.enableShutdownHooks();
// This machine only.
await app.listen(port, 'localhost');
console.log(`It listens on https://localhost:${port}. Open it by "npm run browser", in a second terminal.`);
