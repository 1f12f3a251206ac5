const { join } = require('node:path');

const ROOT = join(__dirname, '..', '..');
const SAMPLES = join(ROOT, 'sample');

/**
 * A sample that is installed has packages of its own. In a spec it shares ours: two copies of Nest do not know each other's
 * exceptions, nor two of GraphQL each other's schemas.
 */
module.exports = (path, options) => {
  const shared = options.basedir.startsWith(SAMPLES) && /^[\w@]/.test(path);
  return options.defaultResolver(path, shared ? { ...options, basedir: ROOT } : options);
};
