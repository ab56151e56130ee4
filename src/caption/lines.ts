/** Lines of a text that may be larger than memory. */
import { StringDecoder } from 'node:string_decoder'
import { CommandFailure } from '../cli/command.ts'

const LONGEST_LINE = 4 * 2 ** 20

export interface Line {
  /** From 1. */
  readonly number: number
  /** Without its line break. Only `\n` ends a line: JSON may have any other separator in a string. */
  readonly text: string
}

/** The lines in order. Throws CommandFailure for one of more than four million characters: that is no list. */
export async function* readLines(
  pieces: AsyncIterable<string | Uint8Array>,
  name: string,
): AsyncGenerator<Line> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  let number = 0
  for await (const piece of pieces) {
    const found = (
      rest + (typeof piece === 'string' ? piece : decoder.write(piece as Buffer))
    ).split('\n')
    rest = found.pop()!
    if (rest.length > LONGEST_LINE)
      throw new CommandFailure(
        `${name}: line ${number + found.length + 1} is longer than any line of a list`,
      )
    for (const text of found) yield { number: ++number, text }
  }
  rest += decoder.end()
  if (rest !== '') yield { number: number + 1, text: rest }
}
