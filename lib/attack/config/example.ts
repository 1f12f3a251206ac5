/** What `--init` writes. */
export const EXAMPLE = {
  $schema: './node_modules/nest-sessions/attack.schema.json',
  users: {
    first: { name: 'alice', password: '{{env.ALICE_PASSWORD}}' },
    second: { name: 'robert', password: '{{env.ROBERT_PASSWORD}}' },
  },
  login: { method: 'POST', path: '/login', json: { user: '{{name}}', password: '{{password}}' } },
  logout: { method: 'POST', path: '/logout' },
  relogin: { method: 'POST', path: '/login/again', json: { password: '{{password}}' } },
  read: { path: '/me', loggedIn: { status: 200, json: { '/user': '{{name}}' } } },
  write: {
    method: 'POST',
    path: '/settings',
    json: { key: '{{key}}', value: '{{value}}' },
    read: { path: '/settings' },
  },
  increment: {
    method: 'POST',
    path: '/cart/items',
    json: { item: 'tea' },
    read: { path: '/cart' },
    count: { json: '/items' },
  },
  private: ['/account', '/orders'],
  anonymous: ['/'],
  skip: {},
};
