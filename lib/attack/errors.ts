/** The program was called wrongly, or there is nothing to attack: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A check cannot be carried out. Its result is neither passed nor failed. */
export class CheckError extends Error {
  override readonly name = 'CheckError';
}
