/** What a model takes: estimated before it is loaded, measured when it was. */
import { readFile } from 'node:fs/promises'
import type { Footprint } from './contract.ts'

export function total({ mapped, held, reserved }: Footprint): number {
  return mapped + held + reserved
}

export class Measurement {
  readonly #held: number | undefined

  /** Bytes of the process before and after; undefined where they tell nothing, as others were at work. */
  constructor(before: number | undefined, after: number | undefined) {
    this.#held = before === undefined || after === undefined ? undefined : after - before
  }

  /**
   * With what is held as it was measured. Less than was estimated counts only while `hasUnloaded` is false: later a model may
   * be laid into memory that another one gave back and the allocator kept.
   */
  correct(estimate: Footprint, hasUnloaded: boolean): Footprint {
    const held = this.#held
    if (held === undefined || held <= 0 || (held < estimate.held && hasUnloaded)) return estimate
    return { ...estimate, held }
  }
}

/** Resident bytes of this process that no file stands behind; undefined where there is no /proc. */
export async function anonymousBytes(): Promise<number | undefined> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}
