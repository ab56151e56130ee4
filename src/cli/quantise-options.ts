/** The flags `--quantize`, `--group` and `--rounding`. */
import { GROUPS, METHODS, type QuantiseOptions, ROUNDINGS } from '../quantise/methods.ts'
import { type ParsedArgs, UsageError } from './command.ts'

/** Undefined: the weights stay as they are. Throws UsageError. */
export function quantiseOptions(options: ParsedArgs['options']): QuantiseOptions | undefined {
  const [named, size] = [options.get('quantize') ?? 'none', options.get('group') ?? '32']
  const method = METHODS.find((name) => name === named)
  const group = GROUPS.find((known) => String(known) === size)
  if (method === undefined && named !== 'none')
    throw new UsageError(`--quantize: expected none, ${either(METHODS)}, got '${named}'`)
  if (group === undefined)
    throw new UsageError(`--group: expected ${either(GROUPS)}, got '${size}'`)
  const asked = options.get('rounding')
  const rounding = ROUNDINGS.find((known) => known === asked)
  if (asked !== undefined && rounding === undefined)
    throw new UsageError(`--rounding: expected ${either(ROUNDINGS)}, got '${asked}'`)
  if (method === undefined) {
    if (rounding !== undefined)
      throw new UsageError(`--rounding: is for --quantize ${either(METHODS)}`)
    return undefined
  }
  return { method, group, rounding: rounding ?? (method === 'int8' ? 'nearest' : 'gptq') }
}

function either(names: readonly (string | number)[]): string {
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}
