/** What ends requests when a step fails. */
import { AerieError } from '../errors.ts'

/**
 * Whatever a backend or the sampler throws, as a failure of the backend with its cause kept for the log, which `onFailure` hears
 * of: requests are checked before they come here, so no other code would be true for every request of a step.
 */
export function asFailure(error: unknown, onFailure: (failure: AerieError) => void): AerieError {
  // A grammar can turn out too ambiguous, or beyond what the vocabulary spells.
  if (error instanceof AerieError && error.code === 'invalid_request') return error
  const failure =
    error instanceof AerieError && error.code === 'backend_failure'
      ? error
      : new AerieError('backend_failure', `the decoder failed: ${String(error)}`, { cause: error })
  onFailure(failure)
  return failure
}
