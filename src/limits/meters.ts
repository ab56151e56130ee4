/** What names have used, in this process: takes all of several amounts or none, and puts right what was taken. */
import { EMPTY, fits, type Level, usedAt } from './bucket.ts'
import { type Amounts, METERS, type Meter, type Rule } from './rules.ts'

/** How a taking ended. */
export interface Taking {
  /** The first that did not fit, and then nothing was taken; undefined where all was. */
  readonly refused: Meter | undefined
  /** Of each meter with a limit, what is used now. */
  readonly used: Amounts
}

/** Where it is kept what names have used. */
export interface Meters {
  /** No amount may be larger than its limit. Never rejects. */
  take(name: string, rule: Rule, amounts: Amounts): Promise<Taking>
  /** More is owed, less is given back; nobody is refused. */
  correct(name: string, rule: Rule, amounts: Amounts): void
}

type Levels = Map<Meter, Level>

export class LocalMeters implements Meters {
  readonly #now: () => number
  readonly #levels = new Map<string, Levels>()

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Names of which something is kept. */
  get size(): number {
    return this.#levels.size
  }

  async take(name: string, rule: Rule, amounts: Amounts): Promise<Taking> {
    return this.takeNow(name, rule, amounts)
  }

  takeNow(name: string, { perMinute }: Rule, amounts: Amounts): Taking {
    const now = this.#now()
    const levels = this.#levelsOf(name)
    const limited = METERS.filter((meter) => perMinute[meter] !== undefined)
    const used = new Map(
      limited.map((meter) => [meter, usedAt(levels.get(meter) ?? EMPTY, perMinute[meter]!, now)]),
    )
    const refused = limited.find((meter) => {
      const amount = amounts[meter] ?? 0
      return amount > 0 && !fits(used.get(meter)!, amount, perMinute[meter]!)
    })
    for (const meter of limited) {
      const after = used.get(meter)! + (refused ? 0 : (amounts[meter] ?? 0))
      used.set(meter, after)
      levels.set(meter, { used: after, at: now })
    }
    return { refused, used: Object.fromEntries(used) }
  }

  correct(name: string, { perMinute }: Rule, amounts: Amounts): void {
    const now = this.#now()
    const levels = this.#levelsOf(name)
    for (const meter of METERS) {
      const [limit, amount] = [perMinute[meter], amounts[meter]]
      if (limit === undefined || amount === undefined) continue
      const used = usedAt(levels.get(meter) ?? EMPTY, limit, now) + amount
      levels.set(meter, { used: Math.max(0, used), at: now })
    }
  }

  /** Of each meter with a limit. */
  used(name: string, { perMinute }: Rule): Amounts {
    const now = this.#now()
    const levels = this.#levels.get(name)
    return Object.fromEntries(
      METERS.flatMap((meter) => {
        const limit = perMinute[meter]
        return limit === undefined ? [] : [[meter, usedAt(levels?.get(meter) ?? EMPTY, limit, now)]]
      }),
    )
  }

  /** Has it be as another has said. */
  set(name: string, used: Amounts): void {
    const at = this.#now()
    const levels = this.#levelsOf(name)
    for (const meter of METERS) {
      const amount = used[meter]
      if (amount !== undefined) levels.set(meter, { used: amount, at })
    }
  }

  /** Forgets what nothing is used of, and names that have no limit any more. */
  prune(ruleOf: (name: string) => Rule): void {
    for (const name of this.#levels.keys()) {
      if (Object.values(this.used(name, ruleOf(name))).every((used) => used === 0))
        this.#levels.delete(name)
    }
  }

  #levelsOf(name: string): Levels {
    const found = this.#levels.get(name) ?? new Map()
    this.#levels.set(name, found)
    return found
  }
}
