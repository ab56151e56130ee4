/** How a served model is told of tools and calls them: what its chat template does decides. */
import type { CallSyntax, TemplateRules, ToolFormat } from '../../models/tools/format.ts'
import { TEMPLATE_FORMATS, WRITTEN_FORMATS } from '../../models/tools/formats.ts'
import type { TokenTable } from '../tokenizer/token-table.ts'
import { readsCall, spellsCall } from './format-probe.ts'
import type { ChatTemplate, TemplateMessage } from './template.ts'

export interface ModelTools {
  /** Name of the format. */
  readonly format: string
  /** `chat-template`: the checkpoint's own template knows tools. `messages`: it does not, and they are written into the messages. */
  readonly source: 'chat-template' | 'messages'
  readonly calls: CallSyntax
  /** Texts that only the server writes: in what users write they are cut as special tokens are. */
  readonly marks: readonly string[]
  /** Special tokens that calls are marked with, which an answer's text must show. */
  readonly shownIds: ReadonlySet<number>
  readonly writing: ToolWriting
}

export type ToolWriting =
  | {
      readonly by: 'template'
      /** `system`: as a member `tools` of the system message, a JSON text. */
      readonly told: 'variable' | 'system'
      /** Whether the template itself writes calls; else they are put into the content. */
      readonly writesCalls: boolean
      readonly rules: TemplateRules
    }
  | { readonly by: 'messages'; readonly texts: NonNullable<ToolFormat['written']> }

const PROBE = 'aerie_probe'
const PROBE_ARGUMENTS = { a: 1 }
const PROBE_TOOL = {
  type: 'function',
  function: { name: PROBE, description: '', parameters: { type: 'object', properties: {} } },
}
const ASKED: readonly TemplateMessage[] = [{ role: 'user', content: 'x' }]
const CALLED: readonly TemplateMessage[] = [
  ...ASKED,
  {
    role: 'assistant',
    content: '',
    tool_calls: [
      { id: 'aerie0001', type: 'function', function: { name: PROBE, arguments: PROBE_ARGUMENTS } },
    ],
  },
  { role: 'tool', name: 'x', tool_call_id: 'aerie0001', content: 'x' },
]

/** Asks the template what it does with tools. */
export function modelTools(
  template: Pick<ChatTemplate, 'render' | 'text'>,
  tokenizer: Pick<TokenTable, 'idOf' | 'isSpecial'>,
): ModelTools {
  const render = (messages: readonly TemplateMessage[], tools?: readonly object[]) => {
    try {
      return template.render(messages, tools)
    } catch {
      // One that refuses the conversation writes nothing of it.
      return ''
    }
  }
  const shows = (text: string) => text.includes(PROBE)
  const isVariable = shows(render(ASKED, [PROBE_TOOL]))
  const isField =
    !isVariable && shows(render([{ role: 'system', content: 'x', tools: `[${PROBE}]` }, ...ASKED]))
  const source = isVariable || isField ? 'chat-template' : 'messages'
  const none = isVariable ? [] : undefined
  const called = render(CALLED, none)
  const writesCalls = shows(called)
  const marked = source === 'messages' ? [] : allMarked(TEMPLATE_FORMATS, template.text)
  const format = writesCalls ? writtenIn(called, render(ASKED, none), marked) : marked[0]
  if (format) {
    return described(format, source, tokenizer, {
      by: 'template',
      told: isVariable ? 'variable' : 'system',
      writesCalls,
      rules: format.template ?? {},
    })
  }
  const written = allMarked(WRITTEN_FORMATS, template.text)[0] ?? WRITTEN_FORMATS.at(-1)!
  const texts = written.written!
  return described(written, 'messages', tokenizer, { by: 'messages', texts })
}

function allMarked(formats: readonly ToolFormat[], text: string): ToolFormat[] {
  return formats.filter(({ templateMarks }) => templateMarks.some((mark) => text.includes(mark)))
}

/**
 * The format in which the template wrote the call of the probe: marks alone would take XML in `<tool_call>` for JSON. One that spells
 * it just so is nearer than one that only reads it.
 */
function writtenIn(
  called: string,
  asked: string,
  formats: readonly ToolFormat[],
): ToolFormat | undefined {
  const call = { name: PROBE, arguments: PROBE_ARGUMENTS }
  return (
    formats.find(({ calls }) => spellsCall(calls, called, call)) ??
    formats.find(({ calls }) => readsCall(calls, called, asked, call))
  )
}

function described(
  { name, calls, written }: ToolFormat,
  source: ModelTools['source'],
  tokenizer: Pick<TokenTable, 'idOf' | 'isSpecial'>,
  writing: ToolWriting,
): ModelTools {
  const { begins, end, argumentsMark = '' } = calls
  const around = [written?.resultBegin, written?.resultEnd].flatMap((text) => text?.trim() ?? [])
  const marks = [...begins, end, argumentsMark].filter((mark) => mark !== '')
  const ids = [...marks, ...(argumentsMark === '' ? [] : ['[CALL_ID]'])].map((mark) =>
    tokenizer.idOf(mark),
  )
  const isShown = (id: number | undefined): id is number =>
    id !== undefined && tokenizer.isSpecial(id)
  return {
    ...{ format: name, source, calls, writing },
    marks: [...marks, ...around],
    shownIds: new Set(ids.filter(isShown)),
  }
}
