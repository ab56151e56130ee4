/** What every configuration key has, and short words for the usual kinds of keys. */
import { Type } from 'typebox'

/** The headings under which help and `docs/config.md` list the keys, in that order. */
export const CONFIG_GROUPS = [
  'Server',
  'Access',
  'Model and engine',
  'Models',
  'Pictures',
  'Clips',
  'Fetching',
  'Sound',
  'Files',
  'Batches',
  'Tracing',
  'Responses',
] as const

export type Group = (typeof CONFIG_GROUPS)[number]

/** Annotations of ours beside JSON Schema's own. */
export interface KeyNotes {
  readonly group: Group
  readonly description: string
  /** Sizes also take `256MiB` and the like. */
  readonly unit?: 'bytes' | 'ms'
  /** Said in place of a default that depends on the machine, or that is "none". */
  readonly defaultText?: string
  /** Said in place of what follows from the type, of a value that has a form of its own. */
  readonly takes?: string
  /** JSON Schema's word for a secret: never shown again, so masked in the log. */
  readonly writeOnly?: boolean
}

export const KiB = 1024
export const MiB = 1024 * KiB

export const bytes = (value: number, group: Group, description: string, minimum = KiB) =>
  Type.Integer({ minimum, default: value, group, description, unit: 'bytes' })
export const millis = (value: number, group: Group, description: string, minimum = 1) =>
  Type.Integer({ minimum, default: value, group, description, unit: 'ms' })
export const count = (value: number, group: Group, description: string, minimum = 1) =>
  Type.Integer({ minimum, default: value, group, description })
export const flag = (value: boolean, group: Group, description: string) =>
  Type.Boolean({ default: value, group, description })
