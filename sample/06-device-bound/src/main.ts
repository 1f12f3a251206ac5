import { readFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const port = Number(process.env['PORT'] ?? 3006);
const httpsOptions = {
  key: readFileSync('.certificate/key.pem'),
  cert: readFileSync('.certificate/cert.pem'),
};
const app = await NestFactory.create(AppModule, { httpsOptions });
app.enableShutdownHooks();
// This machine only.
await app.listen(port, 'localhost');
console.log(`Open https://localhost:${port}, with "npm run browser" in a Chromium that binds.`);
