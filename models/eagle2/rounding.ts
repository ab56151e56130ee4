/** Numbers as Python rounds and writes them, which decides frames and the text of their times. */

/** To the nearest integer, of two equally near ones the even. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}

/** `f'{x:.2f}'`. A tie is exact only for odd eighths; JavaScript rounds those up. */
export function twoDecimals(x: number): string {
  return (Number.isInteger(x * 8) ? roundHalfEven(x * 100) / 100 : x).toFixed(2)
}
