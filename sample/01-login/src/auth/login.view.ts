import { html, type Html } from '../views/html.js';
import { DEMO_USERS } from './users.service.js';

export interface LoginPage {
  next: string;
  /** What was entered before. */
  login?: string;
  /** Why one is asked to log in. */
  reason?: string;
  failed?: boolean;
}

/** Which of the two was wrong the page does not say: it would tell who has an account. */
export const loginView = ({ next, login = '', reason, failed = false }: LoginPage): Html =>
  html`<div class="narrow">
    <h1>Log in</h1>
    ${reason !== undefined && html`<p>${reason}</p>`}
    ${failed && html`<p class="problem" role="alert" id="problem">User name or password is wrong.</p>`}
    <form class="card" method="post" action="/login">
      <input type="hidden" name="next" value="${next}" />
      <label for="login">User name</label>
      <input
        id="login"
        name="login"
        value="${login}"
        autocomplete="username"
        autocapitalize="none"
        spellcheck="false"
        required
        maxlength="100"
        ${failed && html`aria-describedby="problem"`}
      />
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
      <label class="check"
        ><input type="checkbox" name="remember" value="yes" /> Keep me logged in here</label
      >
      <button>Log in</button>
    </form>
    <aside class="hint" aria-labelledby="demo">
      <h2 id="demo">Demo users</h2>
      <dl class="pairs">
        ${DEMO_USERS.map(
          (user) =>
            html`<div>
              <dt><code>${user.login}</code></dt>
              <dd><code>${user.password}</code></dd>
            </div>`,
        )}
      </dl>
    </aside>
  </div>`;
