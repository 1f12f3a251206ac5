// The socket. It comes with the session of the handshake, and is closed when that session ends: see docs/gateways.md.
import { get, item, note, showSocket } from './dom.js';

// Of the script that the server of socket.io has itself.
const socket = globalThis.io({ autoConnect: false });

/** Why the server closes the socket: socket.io has no close codes, so this comes first. */
let end;

socket.on('session-ended', (given) => {
  end = given;
});
socket.on('connect', () => {
  end = undefined;
  showSocket('open', 'The socket is open');
});
socket.on('disconnect', (how) => {
  showSocket('closed', `The socket was closed: ${end ? `${end.code}, ${end.reason}` : how}`);
});
socket.on('connect_error', ({ message, data }) => {
  showSocket('closed', `The socket was refused: ${data?.code ?? message}`);
});
socket.on('lines', (lines) => {
  get('lines').replaceChildren(...lines.map(({ name, text }) => item(`${name}: ${text}`)));
});

/** Nothing happens if it is open. */
export const connect = () => socket.connect();

/** What the handler returned. @throws Error what it refused the message with, with the code where it has one */
export function send(event, data) {
  note(`message "${event}"`);
  if (!socket.connected) return Promise.reject(new Error('The socket is closed.'));
  return new Promise((resolve, reject) => {
    const refused = (error) => reject(Object.assign(new Error(error.message), error));
    socket.once('exception', refused);
    socket.emit(event, data, (answer) => {
      socket.off('exception', refused);
      resolve(answer);
    });
  });
}
