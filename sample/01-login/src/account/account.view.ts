import type { Session } from 'nest-sessions';
import type { User } from '../auth/users.service.js';
import { html, type Html } from '../views/html.js';
import { moment } from '../views/time.js';

export const accountView = (user: User, session: Session): Html =>
  html`<h1>Hello, ${user.name}</h1>
    <div class="columns">
      <section class="card" aria-labelledby="details">
        <h2 id="details">Your details</h2>
        <dl class="pairs">
          <div>
            <dt>E-mail</dt>
            <dd>${user.email}</dd>
          </div>
          <div>
            <dt>Last proved who you are</dt>
            <dd>${moment(session.authenticatedAt()!)}</dd>
          </div>
          <div>
            <dt>Logged out, if you do nothing more</dt>
            <dd>${moment(session.expiresAt)}</dd>
          </div>
        </dl>
      </section>
      <nav class="card" aria-labelledby="todo">
        <h2 id="todo">What you can do</h2>
        <ul class="links">
          <li><a href="/account/email">Change your e-mail address</a> <span>takes a recent login</span></li>
          <li><a href="/account/devices">See your devices</a> <span>and log them out</span></li>
          <li>
            <a href="/account/cookie">Copy your session cookie</a> <span>and see it die at logout</span>
          </li>
        </ul>
      </nav>
    </div>`;
