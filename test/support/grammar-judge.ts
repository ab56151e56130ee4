/**
 * Who is right, where two parsers of a grammar differ: all the ways to go on, followed at once and written out in full, with
 * nothing shared, kept or made ahead. Far too slow to serve anyone; short enough to be believed.
 */

/** What a grammar is put together of; rules are `root` and `other`. */
export type Element =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'letters'
      readonly spelled: string
      readonly has: (letter: string) => boolean
    }
  | { readonly kind: 'rule'; readonly name: 'root' | 'other' }
  | { readonly kind: 'branches'; readonly branches: readonly (readonly Element[])[] }
  | {
      readonly kind: 'repeated'
      readonly one: Element
      readonly least: number
      readonly most: number
    }

export type Branches = Extract<Element, { kind: 'branches' }>
export type Rules = Readonly<Record<'root' | 'other', Branches>>

/** As GBNF writes it. */
export function spell(element: Element): string {
  switch (element.kind) {
    case 'text':
      return `"${element.text}"`
    case 'letters':
      return element.spelled
    case 'rule':
      return element.name
    case 'branches':
      return element.branches.map((parts) => parts.map(spellPart).join(' ')).join(' | ')
    case 'repeated':
      return `${spellPart(element.one)}${times(element.least, element.most)}`
  }
}

function spellPart(element: Element): string {
  return element.kind === 'branches' ? `(${spell(element)})` : spell(element)
}

function times(least: number, most: number): string {
  if (most === Number.POSITIVE_INFINITY)
    return least === 0 ? '*' : least === 1 ? '+' : `{${least},}`
  if (least === 0 && most === 1) return '?'
  return least === most ? `{${least}}` : `{${least},${most}}`
}

/** What is still to come, in order. */
type Stack = readonly Element[]

/** Whether a text of these rules, from `root` on, begins with these bytes, and whether one is just them. */
export function judge(
  rules: Rules,
  bytes: Uint8Array,
): { readonly begins: boolean; readonly whole: boolean } {
  const [text, isCut] = decode(bytes)
  if (text === undefined) return { begins: false, whole: false }
  let stacks: readonly Stack[] = [[{ kind: 'rule', name: 'root' }]]
  for (const letter of text) stacks = behind(rules, stacks, letter)
  if (!isCut)
    return {
      begins: stacks.length > 0,
      whole: opened(rules, stacks).some((stack) => stack.length === 0),
    }
  // Of the letters that begin with this byte, é and one that no list names.
  const begins = ['é', 'à'].some((letter) => behind(rules, stacks, letter).length > 0)
  return { begins, whole: false }
}

/** The letters, and whether half of one of U+00C0 to U+00FF follows; `undefined` where no text begins with these bytes. */
function decode(bytes: Uint8Array): readonly [string | undefined, boolean] {
  const isCut = bytes.at(-1) === 0xc3
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return [decoder.decode(isCut ? bytes.subarray(0, -1) : bytes), isCut]
  } catch {
    return [undefined, isCut]
  }
}

/** What is to come when this letter has. */
function behind(rules: Rules, stacks: readonly Stack[], letter: string): Stack[] {
  const next = opened(rules, stacks).flatMap(([first, ...rest]): Stack[] => {
    if (first?.kind === 'letters') return first.has(letter) ? [rest] : []
    if (first?.kind !== 'text' || !first.text.startsWith(letter)) return []
    const text = first.text.slice(letter.length)
    return [text === '' ? rest : [{ kind: 'text', text }, ...rest]]
  })
  return [...new Map(next.map((stack) => [keyOf(stack), stack])).values()]
}

/** These, and what they are when rules, branches and repetitions in front are written out. */
function opened(rules: Rules, stacks: readonly Stack[]): Stack[] {
  const all = new Map<string, Stack>()
  const todo = [...stacks]
  for (let stack = todo.pop(); stack; stack = todo.pop()) {
    const key = keyOf(stack)
    if (all.has(key)) continue
    all.set(key, stack)
    const [first, ...rest] = stack
    if (first?.kind === 'rule') todo.push([rules[first.name], ...rest])
    else if (first?.kind === 'branches')
      todo.push(...first.branches.map((parts) => [...parts, ...rest]))
    else if (first?.kind === 'repeated') {
      const { one, least, most } = first
      if (least === 0) todo.push(rest)
      if (most > 0)
        todo.push([one, { ...first, least: Math.max(0, least - 1), most: most - 1 }, ...rest])
    }
  }
  return [...all.values()]
}

function keyOf(stack: Stack): string {
  return stack.map((element) => spellPart(element)).join(' ')
}
