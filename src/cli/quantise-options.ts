/** The flags `--quantize` and `--group`. */
import { GROUPS, METHODS, type QuantiseOptions } from '../quantise/methods.ts'
import { type ParsedArgs, UsageError } from './command.ts'

/** Undefined: the weights stay as they are. Throws UsageError. */
export function quantiseOptions(options: ParsedArgs['options']): QuantiseOptions | undefined {
  const [named, size] = [options.get('quantize') ?? 'none', options.get('group') ?? '32']
  const method = METHODS.find((name) => name === named)
  const group = GROUPS.find((known) => String(known) === size)
  if (method === undefined && named !== 'none')
    throw new UsageError(`--quantize: expected none, ${METHODS.join(' or ')}, got '${named}'`)
  if (group === undefined)
    throw new UsageError(`--group: expected ${GROUPS.join(' or ')}, got '${size}'`)
  return method && { method, group }
}
