/** JSON of clients on its way into a prompt: the spelling that models were trained on, texts made harmless, numbers as they came. */

/** As Python's `json.dumps` writes it, without turning letters into escapes. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).map(([key, member]) => {
    return `${JSON.stringify(key)}: ${pythonJson(member)}`
  })
  return `{${members.join(', ')}}`
}

/** The value with each text in it, the names of members too, put through `change`. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change))
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([key, member]) => {
    return [change(key), mapTexts(member, change)] as const
  })
  return Object.fromEntries(members)
}

/**
 * The value of a JSON text, in which a number that a double does not spell the same way is its own text between two marks:
 * ids of twenty digits, and 1.0. Undefined where the text is no JSON.
 */
export function parseExactly(text: string, mark: string): unknown {
  const exact = (_: string, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source
    if (typeof value !== 'number' || source === undefined || source === String(value)) return value
    return mark + source + mark
  }
  try {
    return JSON.parse(text, exact)
  } catch {
    return undefined
  }
}

/** A text in which values of `parseExactly` were written, with their numbers as such. */
export function withExactNumbers(text: string, mark: string): string {
  if (!text.includes(mark)) return text
  const number = new RegExp(`"${mark}([^${mark}]*)${mark}"|${mark}([^${mark}]*)${mark}`, 'g')
  return text.replace(number, (_, quoted, bare) => quoted ?? bare)
}
