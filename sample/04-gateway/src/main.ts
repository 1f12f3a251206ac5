import { createApp } from './create-app.js';
import { settingsFrom } from './settings.js';

const port = Number(process.env['PORT'] ?? 3000);
const app = await createApp(settingsFrom(process.env));
app.enableShutdownHooks();
// This machine only: the passwords of the demo users are on the page.
await app.listen(port, 'localhost');
console.log(`Open http://localhost:${port}`);
