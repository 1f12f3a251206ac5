// One page for the application before and after the switch: what only the one has is shown there only.
const get = (id) => document.getElementById(id);

const actions = {
  login: (form) => post('/auth/login', form),
  logout: () => post('/auth/logout'),
  'change-email': (form) => post('/account/email', form),
  'logout-everywhere': () => post('/account/logout-everywhere'),
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
    await post('/account/relogin', { password });
    await action();
  }
}

/** What was entered, or undefined if nothing was. */
function askForPassword() {
  const [dialog, form] = [get('again'), get('relogin')];
  form.reset();
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = () => resolve(dialog.returnValue === 'go' ? form.elements.password.value : undefined);
    dialog.addEventListener('close', closed, { once: true });
  });
}

async function show() {
  const { sessions: library } = await ask('/about');
  // The recipe's AuthenticatedGuard answers a visitor 403.
  const me = await ask('/auth/me').catch(unless(403));
  const account = me && library === 'nest-sessions' ? await ask('/account') : undefined;
  get('library').textContent = library;
  get('visitor').hidden = Boolean(me);
  get('user').hidden = !me;
  get('account').hidden = !account;
  if (me) showUser(me);
  if (account) showAccount(account);
}

function showUser({ name, email, loggedInAt, visits }) {
  get('name').textContent = `Hello, ${name}`;
  get('email').textContent = email;
  get('visits').textContent = visits;
  showTime('logged-in-at', loggedInAt);
}

function showAccount({ provedAt, freshUntil, sessions }) {
  showTime('proved-at', provedAt);
  get('fresh-until').textContent = freshUntil
    ? new Date(freshUntil).toLocaleTimeString()
    : 'It is asked for now';
  get('sessions').textContent = sessions === 1 ? 'this device' : `${sessions} devices`;
}

function showTime(id, at) {
  const date = new Date(at);
  get(id).dateTime = date.toISOString();
  get(id).textContent = date.toLocaleTimeString();
}

const post = (path, body = {}) =>
  ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** The body of the response. @throws Error with its status, and with the code where it has one */
async function ask(path, options) {
  const response = await fetch(path, options);
  const text = await response.text();
  const body = text && JSON.parse(text);
  if (response.ok) return body;
  throw Object.assign(new Error(String(body.message)), { status: response.status, code: body.code });
}

const unless = (status) => (error) => {
  if (error.status !== status) throw error;
};

function say(text) {
  get('message').textContent = text;
}
