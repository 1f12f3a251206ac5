import { createApp } from './create-app.js';
import { oldSessionsFrom } from './old-sessions.js';

const port = Number(process.env['PORT'] ?? 3000);
const app = await createApp(oldSessionsFrom(process.env));
app.enableShutdownHooks();
// This machine only: the passwords of the demo users are on the page.
await app.listen(port, 'localhost');
console.log(`Before the switch, with express-session. Open http://localhost:${port} and log in.`);
console.log('Then end this (Ctrl-C), and go on with: npm start');
