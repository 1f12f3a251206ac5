// The page: shows the state that the server tells, and does what its buttons say.
import { ask } from './graphql.js';

const ME = 'name email provedAt freshUntil';
const get = (id) => document.getElementById(id);
const time = (iso) => new Date(iso).toLocaleTimeString();

const actions = {
  login: ({ login, password }) =>
    ask(
      `mutation ($login: String!, $password: String!) { login(login: $login, password: $password) { ${ME} } }`,
      {
        login,
        password,
      },
    ),
  logout: () => ask('mutation { logout }'),
  'change-email': ({ email }) =>
    ask(`mutation ($email: String!) { changeEmail(email: $email) { ${ME} } }`, { email }),
  'add-note': ({ text }) => ask('mutation ($text: String!) { addNote(text: $text) }', { text }),
};

for (const [id, action] of Object.entries(actions)) {
  get(id).addEventListener('submit', (event) => {
    event.preventDefault();
    void perform(() => action(Object.fromEntries(new FormData(event.target))), event.target);
  });
}
void perform(() => undefined);

/** Does it, asks for the password where the server wants to know it again, and shows how things are then. */
async function perform(action, form) {
  say('');
  try {
    await withFreshLogin(action);
    form?.reset();
  } catch (error) {
    say(error.code === 'ERR_LOGIN_REQUIRED' ? 'You are logged out. Log in to go on.' : error.message);
  }
  await show().catch((error) => say(error.message));
}

async function withFreshLogin(action) {
  try {
    await action();
  } catch (error) {
    if (error.code !== 'ERR_RELOGIN_REQUIRED') throw error;
    const password = await askForPassword(error.maxAge);
    if (password === undefined) return;
    await ask(`mutation ($password: String!) { relogin(password: $password) { ${ME} } }`, { password });
    await action();
  }
}

/** What was entered, or undefined if nothing was. */
function askForPassword(maxAge) {
  const [dialog, form] = [get('again'), get('relogin')];
  get('max-age').textContent = maxAge;
  form.reset();
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = () => resolve(dialog.returnValue === 'go' ? form.elements.password.value : undefined);
    dialog.addEventListener('close', closed, { once: true });
  });
}

async function show() {
  const { me, notes } = await ask(`{ me { ${ME} } notes }`);
  const { devices } = me ? await ask('{ devices { id userAgent lastSeenAt current } }') : { devices: [] };
  get('visitor').hidden = me !== null;
  get('user').hidden = me === null;
  get('notes').replaceChildren(...notes.map((text) => item(text)));
  get('devices').replaceChildren(...devices.map(deviceItem));
  get('name').textContent = me ? `Hello, ${me.name}` : '';
  get('email').textContent = me?.email ?? '';
  get('proved-at').textContent = me ? time(me.provedAt) : '';
  get('fresh-until').textContent = me?.freshUntil ? time(me.freshUntil) : 'It is asked for now';
}

function deviceItem({ id, userAgent, lastSeenAt, current }) {
  const line = item(`${userAgent}, last seen ${time(lastSeenAt)}`);
  if (current) line.append(' (this one)');
  else {
    const button = document.createElement('button');
    button.textContent = 'Log it out';
    button.addEventListener('click', () =>
      perform(() => ask('mutation ($id: ID!) { revokeDevice(id: $id) }', { id })),
    );
    line.append(button);
  }
  return line;
}

function item(text) {
  const line = document.createElement('li');
  line.append(text);
  return line;
}

function say(text) {
  get('message').textContent = text;
}
