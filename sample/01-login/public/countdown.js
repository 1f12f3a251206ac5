// Lets the countdown run. Without it the form works the same: the server alone knows whether a login is recent.
const box = document.querySelector('.countdown');
const left = box.querySelector('.left');
const bar = box.querySelector('progress');
const over = box.querySelector('.over');
const ASK_EVERY = 15_000;

let deadline = performance.now() + Number(box.dataset.seconds) * 1000;
const ticking = setInterval(show, 1000);
const asking = setInterval(ask, ASK_EVERY);
show();

function show() {
  const seconds = Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
  left.textContent = `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  bar.value = seconds;
  box.classList.toggle('expired', seconds === 0);
  say(seconds === 0 ? 'The time is over: the form asks for your password first.' : '');
}

// Perhaps the user logged in again in another window, or was logged out from another device.
async function ask() {
  const response = await fetch('/account/freshness').catch(() => undefined);
  if (response?.status === 401) return stop();
  if (response?.ok) deadline = performance.now() + (await response.json()).secondsLeft * 1000;
}

function stop() {
  clearInterval(ticking);
  clearInterval(asking);
  left.textContent = 'none';
  bar.value = 0;
  box.classList.add('expired');
  say('You are logged out.');
}

// A screen reader reads each change, so only changes are written.
function say(text) {
  if (over.textContent !== text) over.textContent = text;
}
