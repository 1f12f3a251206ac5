/** Of an ES module, and of CommonJS. Jest throws errors of another realm, which are no instance of this one's `Error`. */
export const isModuleMissing = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND');
