import { html, type Html } from '../views/html.js';

export interface ReloginPage {
  name: string;
  next: string;
  failed: boolean;
}

export const reloginView = ({ name, next, failed }: ReloginPage): Html =>
  html`<div class="narrow">
    <h1>Is it you, ${name}?</h1>
    <p>
      You are still logged in, but what you want to do takes a login that is more recent. Then you go on where
      you were.
    </p>
    ${failed && html`<p class="problem" role="alert" id="problem">That is not the password.</p>`}
    <form class="card" method="post" action="/login/again">
      <input type="hidden" name="next" value="${next}" />
      <label for="password">Password</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="current-password"
        required
        maxlength="200"
        ${failed && html`aria-describedby="problem"`}
      />
      <button>Go on</button>
    </form>
    <p><a href="/login">Log in as somebody else</a></p>
  </div>`;
