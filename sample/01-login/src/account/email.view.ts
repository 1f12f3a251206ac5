import { html, type Html } from '../views/html.js';

export interface EmailPage {
  email: string;
  problem: string | undefined;
  secondsLeft: number;
  windowSeconds: number;
}

export const emailView = (page: EmailPage): Html =>
  html`<div class="narrow">
      <h1>Change your e-mail address</h1>
      ${countdown(page)}
      <form class="card" method="post">
        <label for="email">New e-mail address</label>
        ${page.problem !== undefined && html`<p class="problem" role="alert" id="problem">${page.problem}</p>`}
        <input
          id="email"
          name="email"
          type="email"
          value="${page.email}"
          autocomplete="email"
          required
          maxlength="254"
          ${page.problem !== undefined && html`aria-invalid="true" aria-describedby="problem"`}
        />
        <button>Change it</button>
        <a href="/account">Cancel</a>
      </form>
    </div>
    <script type="module" src="/assets/countdown.js"></script>`;

/** True without the script as well: then it is the time that was left when the page was made. */
const countdown = ({ secondsLeft, windowSeconds }: EmailPage): Html =>
  html`<div class="hint countdown" data-seconds="${secondsLeft}">
    <p>
      Open because you logged in a moment ago. Time left:
      <strong class="left">${Math.floor(secondsLeft / 60)} min ${secondsLeft % 60} s</strong>
    </p>
    <progress max="${windowSeconds}" value="${secondsLeft}" aria-label="Time left"></progress>
    <p class="over" role="status"></p>
  </div>`;
