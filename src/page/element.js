/** Preact's `h` under a stricter type: elements are functions' calls, so that the compiler sees every attribute. */
import { h as create } from './vendor/preact.js'

/** @typedef {import('./types.d.ts').Hyperscript} Hyperscript */

export const h = /** @type {Hyperscript} */ (/** @type {unknown} */ (create))

/**
 * Class names, of which false ones are left out.
 * @param {...(string | false | undefined)} names
 */
export function classes(...names) {
  return names.filter(Boolean).join(' ')
}
