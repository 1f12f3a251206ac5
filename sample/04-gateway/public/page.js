// What the buttons do, and what the page shows.
import { askForPassword, get, item, say } from './dom.js';
import { ask, post } from './http.js';
import { connect, send } from './socket.js';

onSubmit('login', (form) => post('/login', form));
onSubmit('say', (form) => send('say', form));
onClick(get('clear'), () => send('clear', {}));
onClick(get('logout'), () => post('/logout'));
onClick(get('request'), () => undefined);
void perform(() => undefined);

function onSubmit(id, action) {
  get(id).addEventListener('submit', (event) => {
    event.preventDefault();
    void perform(() => action(Object.fromEntries(new FormData(event.target))));
    event.target.reset();
  });
}

function onClick(button, action) {
  button.addEventListener('click', () => void perform(action));
}

/** Does it, asks for the password where the server wants to know it again, and shows how things are then. */
async function perform(action) {
  say('');
  try {
    await withFreshLogin(action);
  } catch (error) {
    say(error.message);
  }
  await show().catch((error) => say(error.message));
}

async function withFreshLogin(action) {
  try {
    await action();
  } catch (error) {
    if (error.code !== 'ERR_RELOGIN_REQUIRED') throw error;
    const password = await askForPassword();
    if (password === undefined) return;
    await post('/relogin', { password });
    await action();
  }
}

/** Asks the server: what the page knows may be over. */
async function show() {
  const me = await ask('/me').catch(unless('ERR_LOGIN_REQUIRED'));
  get('visitor').hidden = Boolean(me);
  get('user').hidden = !me;
  if (!me) return;
  connect();
  get('name').textContent = `Hello, ${me.name}`;
  get('said').textContent = me.said;
  get('devices').replaceChildren(...(await ask('/devices')).map(deviceItem));
}

function deviceItem({ id, userAgent, createdAt, current }) {
  const line = item(`${userAgent}, since ${new Date(createdAt).toLocaleTimeString()}`);
  if (current) line.append(' (this one)');
  else {
    const button = document.createElement('button');
    button.textContent = 'Log it out';
    onClick(button, () => post('/devices/revoke', { id }));
    line.append(button);
  }
  return line;
}

const unless = (code) => (error) => {
  if (error.code !== code) throw error;
};
