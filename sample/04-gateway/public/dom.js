// The page's elements, and what is written into them.

export const get = (id) => document.getElementById(id);

export function item(text) {
  const line = document.createElement('li');
  line.append(text);
  return line;
}

export function say(text) {
  get('message').textContent = text;
}

/** @param state `open` or `closed` */
export function showSocket(state, text) {
  get('socket').dataset.state = state;
  get('socket').textContent = text;
  note(text);
}

export function note(text) {
  get('log').prepend(item(`${new Date().toLocaleTimeString()} ${text}`));
}

/** What was entered, or undefined if nothing was. */
export function askForPassword() {
  const [dialog, form] = [get('again'), get('relogin')];
  form.reset();
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = () => resolve(dialog.returnValue === 'go' ? form.elements.password.value : undefined);
    dialog.addEventListener('close', closed, { once: true });
  });
}
