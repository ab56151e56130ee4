/**
 * The expressions that PEFT takes for names of modules (`rank_pattern`, `alpha_pattern`): Python's, matched from the last dot on.
 * They come with files from anywhere, so only those are evaluated that JavaScript reads alike and that cannot take long.
 */
import { AerieError } from '../errors.ts'

const LONGEST = 512
/** Each multiplies the time by the length of a name. */
const MOST_REPEATS = 3
/** Names, classes, groups of choices; no back references, look-arounds or flags. */
const PLAIN = /^(?:[\w\-.^$|()*+?]|\\[dwsb.]|\[\^?[\w\-.]+\]|\{\d{1,3}(?:,\d{0,3})?\}|\(\?:)*$/
/** A group that is repeated may take time that grows as a power of two. */
const REPEATED_GROUP = /\)[*+?{]/

/**
 * Whether a module's name matches, of an expression of a config's `field`; compiled once for all names. Throws `invalid_package` for one
 * that is not evaluated here.
 */
export function namePattern(field: string, pattern: string): (module: string) => boolean {
  const refuse = (why: string): never => {
    const shown = JSON.stringify(pattern.slice(0, 80))
    throw new AerieError(
      'invalid_package',
      `adapter_config.json: ${field}: the expression ${shown} ${why}; write the names out`,
    )
  }
  if (pattern.length > LONGEST)
    return refuse(`has ${pattern.length} characters, at most ${LONGEST} are read`)
  if (!PLAIN.test(pattern)) return refuse('has parts that are not evaluated here')
  if (REPEATED_GROUP.test(pattern)) return refuse('repeats a group, which is not evaluated here')
  const repeats = pattern.match(/(?<!\\)[*+]|\{\d+,\d*\}/g)?.length ?? 0
  if (repeats > MOST_REPEATS)
    return refuse(`has ${repeats} repeats, of which at most ${MOST_REPEATS} are evaluated here`)
  try {
    // As `get_pattern_key` of peft/utils/other.py does.
    const expression = new RegExp(`^(?:.*\\.)?(?:${pattern})$`)
    return (module) => expression.test(module)
  } catch {
    return refuse('is no regular expression')
  }
}
