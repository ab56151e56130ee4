/** JSON whose readers go line by line. */

const UNICODE_LINE_ENDS = /[\u0085\u2028\u2029]/g

/**
 * JSON escapes `\r` and `\n`, so that what has no white space between its values always is one line. The other line ends of Unicode are
 * none in any format of ours, but readers that split lines with their language's own function (Python's `splitlines`, Node's
 * `readline`) take them for some. The value stays the same.
 */
export function oneLine(json: string): string {
  return json.replace(
    UNICODE_LINE_ENDS,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Whether {@link oneLine} would change this UTF-8. */
export function hasUnicodeLineEnd(json: Buffer): boolean {
  return ['\u0085', '\u2028', '\u2029'].some((end) => json.includes(end))
}
