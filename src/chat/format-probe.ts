/** Whether a prompt has a call in a format: how that of a chat template is found. */
import { isDeepStrictEqual } from 'node:util'
import type { CallSyntax } from '../../models/tools/format.ts'
import { pythonJson } from './json-text.ts'
import { ToolCallParser } from './tool-parser.ts'
import { callTexts } from './tool-text.ts'

interface ProbeCall {
  readonly name: string
  readonly arguments: object
}

/** As the server itself would write it, up to the end of the arguments: templates may add members of their own behind them. */
export function spellsCall(syntax: CallSyntax, prompt: string, call: ProbeCall): boolean {
  const { first, around } = callTexts(syntax)
  return prompt.includes(first + around(call.name).before + pythonJson(call.arguments))
}

/** `asked`: the prompt up to where the answer begins that has the call. */
export function readsCall(
  syntax: CallSyntax,
  prompt: string,
  asked: string,
  call: ProbeCall,
): boolean {
  const parser = new ToolCallParser(syntax, new Set([call.name]))
  // A call without a mark has to begin the answer; elsewhere the end of what was asked may be the beginning of a mark.
  const text = syntax.bare ? prompt.slice(sharedLength(prompt, asked)) : prompt
  const pieces = [...parser.push(text), ...parser.end()]
  const said = pieces.map((piece) => (piece.type === 'arguments' ? piece.text : '')).join('')
  try {
    return isDeepStrictEqual(JSON.parse(said), call.arguments)
  } catch {
    // No call, or one whose arguments are no JSON: not this format.
    return false
  }
}

function sharedLength(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}
