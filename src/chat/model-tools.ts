/** How a served model is told of tools and calls them: what its chat template does decides. */
import type { CallSyntax, TemplateRules, ToolFormat } from '../../models/tools/format.ts'
import { TEMPLATE_FORMATS, WRITTEN_FORMATS } from '../../models/tools/formats.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
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
      { id: 'aerie0001', type: 'function', function: { name: PROBE, arguments: { a: 1 } } },
    ],
  },
  { role: 'tool', name: 'x', tool_call_id: 'aerie0001', content: 'x' },
]

/** Asks the template what it does with tools. */
export function modelTools(
  template: Pick<ChatTemplate, 'render' | 'text'>,
  tokenizer: Pick<Tokenizer, 'idOf' | 'isSpecial'>,
): ModelTools {
  const shows = (messages: readonly TemplateMessage[], tools?: readonly object[]) => {
    try {
      return template.render(messages, tools).includes(PROBE)
    } catch {
      // One that refuses the conversation does not write it.
      return false
    }
  }
  const isVariable = shows(ASKED, [PROBE_TOOL])
  const isField =
    !isVariable && shows([{ role: 'system', content: 'x', tools: `[${PROBE}]` }, ...ASKED])
  const source = isVariable || isField ? 'chat-template' : 'messages'
  const format = source === 'chat-template' ? find(TEMPLATE_FORMATS, template.text) : undefined
  if (format) {
    return described(format, source, tokenizer, {
      by: 'template',
      told: isVariable ? 'variable' : 'system',
      writesCalls: shows(CALLED, isVariable ? [] : undefined),
      rules: format.template ?? {},
    })
  }
  const written = find(WRITTEN_FORMATS, template.text) ?? WRITTEN_FORMATS.at(-1)!
  const texts = written.written!
  return described(written, 'messages', tokenizer, { by: 'messages', texts })
}

function find(formats: readonly ToolFormat[], text: string): ToolFormat | undefined {
  return formats.find(({ templateMarks }) => templateMarks.some((mark) => text.includes(mark)))
}

function described(
  { name, calls, written }: ToolFormat,
  source: ModelTools['source'],
  tokenizer: Pick<Tokenizer, 'idOf' | 'isSpecial'>,
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
