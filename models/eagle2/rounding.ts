/** Seconds as Python writes them, which decides the text of a prompt. */
import { roundHalfToEven } from '../blocks/round.ts'

/** `f'{x:.2f}'`. A tie is exact only for odd eighths; JavaScript rounds those up. */
export function twoDecimals(x: number): string {
  return (Number.isInteger(x * 8) ? roundHalfToEven(x * 100) / 100 : x).toFixed(2)
}
