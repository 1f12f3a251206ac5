import { html, type Html } from '../views/html.js';

export const cookieView = (command: string): Html =>
  html`<div class="narrow">
    <h1>Steal your own session</h1>
    <p class="warning">
      <strong>No real application shows this.</strong> Whoever has the cookie is you. It is HttpOnly, so that
      no script on a page can read it; this page prints it only because it is what the sample is about, and
      only on this machine.
    </p>
    <ol class="steps">
      <li>
        <p>Copy this line and run it in a terminal. It answers <code>200</code> with your account page.</p>
        <pre tabindex="0" aria-label="Command"><code id="curl">${command}</code></pre>
      </li>
      <li>
        <p>Log out here. The browser forgets the cookie; the thief of course does not.</p>
        <form method="post" action="/logout"><button>Log out</button></form>
      </li>
      <li>
        <p>
          Run the line once more. It answers <code>401</code>: the session ended on the server. With a cookie
          that only the browser forgets, the thief would still be in.
        </p>
      </li>
    </ol>
    <p class="small">
      Do not take longer than a quarter of an hour: then the browser gets a new cookie, and when the old one
      comes back after that, it must have been copied. The session ends at once, for the thief and for you.
    </p>
  </div>`;
