import type { SessionInfo } from 'nest-sessions';
import { html, type Html } from '../views/html.js';
import { moment } from '../views/time.js';
import { deviceName } from './device-name.js';

export const devicesView = (sessions: readonly SessionInfo[]): Html =>
  html`<h1>Your devices</h1>
    <p>Wherever you are logged in. To log out a device takes a recent login here.</p>
    <ul class="devices">
      ${sessions.map(device)}
    </ul>
    ${
      sessions.length > 1 &&
      html`<form method="post" action="/account/devices/revoke-others">
        <button>Log out everywhere else</button>
      </form>`
    }`;

const device = ({ id, device, lastSeenAt, createdAt, remember, current }: SessionInfo): Html => {
  const name = deviceName(device.userAgent);
  return html`<li class="card">
    <div>
      <h2>${name} ${current && html`<span class="tag">this one</span>`}</h2>
      <p class="small">
        Last seen ${moment(lastSeenAt)} from ${device.ip ?? 'an unknown address'}.<br />
        Logged in ${moment(createdAt)}${remember && ', and kept logged in'}.
      </p>
    </div>
    ${!current && revokeButton(id, name)}
  </li>`;
};

const revokeButton = (id: string, name: string): Html =>
  html`<form method="post" action="/account/devices/revoke">
    <input type="hidden" name="id" value="${id}" />
    <button class="quiet">Log out<span class="unseen"> ${name}</span></button>
  </form>`;
