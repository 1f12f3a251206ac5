import type { Route } from '../routes/route-table.js';
import type { DeviceSettings } from './device.settings.js';

/** What to warn of routes of the application at the paths of devices, whose requests never reach them. */
export function takenRoutes({ calls }: DeviceSettings, routes: readonly Route[]): string[] {
  const taken = routes.filter(
    ({ method, path }) => (method === 'POST' || method === 'ALL') && calls.has(path),
  );
  return [...new Set(taken.map(({ path }) => path))].map(
    (path) =>
      `deviceBound: POST ${path} is a route of this application, and its requests do not reach it, since browsers register keys or renew cookies there. Give deviceBound.path another value, such as '/session/device'.`,
  );
}
