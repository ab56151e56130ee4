/** Numbers between bounds, as expressions over their digits. At most fifteen digits count, so that a double is what was written. */
import {
  chars,
  choice,
  EMPTY,
  type Expr,
  NEVER,
  optional,
  repeat,
  sequence,
  text,
} from '../expression.ts'

export interface Bounds {
  readonly min?: Bound
  readonly max?: Bound
}

export interface Bound {
  readonly value: number
  readonly exclusive: boolean
}

const MOST_DIGITS = 15
const MOST_DECIMALS = 15
const DIGIT = chars([0x30, 0x39])
const FROM_ONE = chars([0x31, 0x39])

/** `-?(0|[1-9]\d{0,14})` */
const ANY_INTEGER: Expr = sequence(
  optional(text('-')),
  choice([text('0'), sequence(FROM_ONE, repeat(DIGIT, 0, MOST_DIGITS - 1))]),
)

const ANY_NUMBER: Expr = sequence(
  ANY_INTEGER,
  optional(sequence(text('.'), repeat(DIGIT, 1, MOST_DECIMALS))),
  optional(
    sequence(
      chars([0x45, 0x45, 0x65, 0x65]),
      optional(chars([0x2b, 0x2b, 0x2d, 0x2d])),
      repeat(DIGIT, 1, 2),
    ),
  ),
)

export function integerBetween({ min, max }: Bounds): Expr {
  if (!min && !max) return ANY_INTEGER
  const least = min ? lowestInteger(min) : -(10 ** MOST_DIGITS - 1)
  const most = max ? highestInteger(max) : 10 ** MOST_DIGITS - 1
  return integers(least, most)
}

function lowestInteger({ value, exclusive }: Bound): number {
  return exclusive && Number.isInteger(value) ? value + 1 : Math.ceil(value)
}

function highestInteger({ value, exclusive }: Bound): number {
  return exclusive && Number.isInteger(value) ? value - 1 : Math.floor(value)
}

function integers(least: number, most: number): Expr {
  if (least > most) return NEVER
  const ways: Expr[] = []
  // Adding 0 makes −0 a 0.
  if (least < 0) ways.push(sequence(text('-'), naturals(Math.max(1, -most), -least)))
  if (most >= 0) ways.push(naturals(Math.max(0, least) + 0, most))
  return choice(ways)
}

/** From `least` to `most`, both included, without leading zeros. */
function naturals(least: number, most: number): Expr {
  const ways: Expr[] = []
  const clipped = Math.min(most, 10 ** MOST_DIGITS - 1)
  for (let low = least; low <= clipped; ) {
    const digits = String(low).length
    const high = Math.min(clipped, 10 ** digits - 1)
    ways.push(between(String(low), String(high)))
    low = high + 1
  }
  return choice(ways)
}

/** Digits of equal number. */
function between(low: string, high: string): Expr {
  if (low === '') return EMPTY
  const [first, last] = [low[0]!, high[0]!]
  const rest = low.length - 1
  const nines = '9'.repeat(rest)
  const zeros = '0'.repeat(rest)
  if (first === last) return sequence(text(first), between(low.slice(1), high.slice(1)))
  const ways: Expr[] = []
  let from = Number(first)
  let to = Number(last)
  if (low.slice(1) !== zeros) {
    ways.push(sequence(text(first), between(low.slice(1), nines)))
    from++
  }
  const cut = high.slice(1) !== nines
  if (cut) to--
  if (from <= to) ways.push(sequence(chars([0x30 + from, 0x30 + to]), repeat(DIGIT, rest, rest)))
  if (cut) ways.push(sequence(text(last), between(zeros, high.slice(1))))
  return choice(ways)
}

/** Any number that a JSON text can hold between the bounds; where there are any, without an exponent. */
export function numberBetween({ min, max }: Bounds): Expr {
  if (!min && !max) return ANY_NUMBER
  const least = min ?? { value: -(10 ** MOST_DIGITS - 1), exclusive: false }
  const most = max ?? { value: 10 ** MOST_DIGITS - 1, exclusive: false }
  if (least.value > most.value) return NEVER
  const ways: Expr[] = []
  if (least.value < 0) {
    const near = most.value < 0 ? { ...most, value: -most.value } : { value: 0, exclusive: false }
    ways.push(sequence(text('-'), decimals(near, { ...least, value: -least.value })))
  }
  if (most.value >= 0) {
    const near = least.value < 0 ? { value: 0, exclusive: false } : least
    ways.push(decimals(near, most))
  }
  return choice(ways)
}

/** Numbers from 0 on: whole ones, those whose whole part lies between those of the bounds, and those beside each bound. */
function decimals(least: Bound, most: Bound): Expr {
  const low = Math.floor(least.value)
  const high = Math.floor(Math.min(most.value, 10 ** MOST_DIGITS - 1))
  const [lowDecimals, highDecimals] = [decimalsOf(least.value), decimalsOf(most.value)]
  const [lowRoom, highRoom] = [
    roomBeside(least, low, lowDecimals),
    roomBeside(most, high, highDecimals),
  ]
  const from = { digits: lowDecimals, exclusive: least.exclusive }
  const to = { digits: highDecimals, exclusive: most.exclusive }
  if (low === high)
    return sequence(text(String(low)), behind(from, to, Math.min(lowRoom, highRoom)))
  const ways: Expr[] = [sequence(text(String(low)), behind(from, undefined, lowRoom))]
  if (high - low > 1) {
    const fraction = optional(sequence(text('.'), repeat(DIGIT, 1, highRoom)))
    ways.push(sequence(naturals(low + 1, high - 1), fraction))
  }
  const zero = { digits: '', exclusive: false }
  ways.push(sequence(text(String(high)), behind(zero, to, highRoom)))
  return choice(ways)
}

/** Decimals that may be written beside a bound: what is excluded is not to be reached by rounding, as more than fifteen digits are. */
function roomBeside({ exclusive }: Bound, whole: number, decimals: string): number {
  if (!exclusive) return MOST_DECIMALS
  return Math.max(1, MOST_DIGITS - String(whole).length, decimals.length)
}

/** The digits behind the point of a number from 0 on, the fewest that say it; `''` for a whole one. */
function decimalsOf(value: number): string {
  const shortest = String(value)
  const written = shortest.includes('e') ? value.toFixed(MOST_DECIMALS) : shortest
  const point = written.indexOf('.')
  return point < 0 ? '' : written.slice(point + 1).replace(/0+$/, '')
}

/** The decimals of a bound, as far as they are still to be compared. */
interface Decimals {
  readonly digits: string
  readonly exclusive: boolean
}

/** What may follow the whole part: nothing, or a point and digits between the decimals of the bounds. */
function behind(low: Decimals, high: Decimals | undefined, room: number): Expr {
  const ways: Expr[] = []
  const isZeroAllowed =
    low.digits === '' && !low.exclusive && !(high?.digits === '' && high.exclusive)
  if (isZeroAllowed) ways.push(EMPTY)
  const digits = decimalDigits(low, high, room)
  if (digits) ways.push(sequence(text('.'), digits))
  return choice(ways)
}

/** At least one digit. What is undefined bounds no more; undefined where there is no such digit. */
function decimalDigits(
  low: Decimals | undefined,
  high: Decimals | undefined,
  room: number,
): Expr | undefined {
  if (room <= 0) return undefined
  if (!low && !high) return repeat(DIGIT, 1, room)
  const from = low ? Number(low.digits[0] ?? '0') : 0
  const to = high ? Number(high.digits[0] ?? '0') : 9
  if (from > to) return undefined
  const ways: Expr[] = []
  const add = (first: number, last: number, nextLow?: Decimals, nextHigh?: Decimals) => {
    if (first > last) return
    const isAboveLow = !nextLow || (nextLow.digits === '' && !nextLow.exclusive)
    const isBelowHigh = nextHigh?.digits !== '' || !nextHigh.exclusive
    // Behind the last digit of the highest only zeros could follow, which say nothing.
    const more =
      nextHigh?.digits === ''
        ? undefined
        : decimalDigits(isAboveLow ? undefined : nextLow, nextHigh, room - 1)
    const after = [...(isAboveLow && isBelowHigh ? [EMPTY] : []), ...(more ? [more] : [])]
    if (after.length > 0) ways.push(sequence(chars([0x30 + first, 0x30 + last]), choice(after)))
  }
  const rest = (bound: Decimals) => ({ ...bound, digits: bound.digits.slice(1) })
  if (low && high && from === to) add(from, to, rest(low), rest(high))
  else {
    if (low) add(from, from, rest(low))
    add(low ? from + 1 : from, high ? to - 1 : to)
    if (high) add(to, to, undefined, rest(high))
  }
  return ways.length > 0 ? choice(ways) : undefined
}
