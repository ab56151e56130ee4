/** Renders a conversation to prompt text with the model's own Jinja chat template. */
import { readFile } from 'node:fs/promises'
import { Template } from '@huggingface/jinja'
import type { PromptSource } from '../capabilities/document.ts'
import { AerieError } from '../errors.ts'
import type { TokenTable } from '../tokenizer/token-table.ts'
import { withEmptyForUndefined } from './jinja-undefined.ts'
import { findTemplate } from './template-source.ts'

/** `frames`: how many of a video are seen; only families that count them among the pictures look at it. */
export type TemplatePart =
  | { readonly type: 'image' }
  | { readonly type: 'audio' }
  | { readonly type: 'video'; readonly frames: number }
  | { readonly type: 'text'; readonly text: string }

/** A message as Hugging Face templates expect it, in the one form or the other of its content. */
export interface TemplateMessage {
  readonly role: string
  readonly name?: string
  readonly content: readonly TemplatePart[] | string
  /** Of an assistant's message; `arguments` as a value. */
  readonly tool_calls?: readonly TemplateToolCall[]
  /** Of a tool's message. */
  readonly tool_call_id?: string
  /** Of a system message, for templates that look for tools there; a JSON text. */
  readonly tools?: string
}

export interface TemplateToolCall {
  readonly id: string
  readonly type: string
  readonly function: { readonly name: string; readonly arguments: unknown }
}

const MISSING = 'none'

export class ChatTemplate {
  readonly #template: Template
  /** What is rendered where there are tools, by checkpoints that have a template of its own for it. */
  readonly #toolTemplate: Template
  readonly #variables: Readonly<Record<string, unknown>>
  /** As it is written, both of them. */
  readonly text: string
  /** Where it came from. */
  readonly source: PromptSource
  /** There is none: the model continues texts, and knows no turns. */
  readonly isMissing: boolean

  constructor(
    text: string,
    variables: Readonly<Record<string, unknown>> = {},
    source: PromptSource = { source: 'text' },
    toolText = text,
  ) {
    this.#template = withEmptyForUndefined(new Template(text))
    this.#toolTemplate =
      toolText === text ? this.#template : withEmptyForUndefined(new Template(toolText))
    this.text = toolText === text ? text : `${text}\n${toolText}`
    this.#variables = variables
    this.source = source
    this.isMissing = source.source === MISSING
  }

  /** Of a base model: whatever is rendered is `unsupported_parameter`. */
  static missing(): ChatTemplate {
    return new ChatTemplate('', {}, { source: MISSING })
  }

  /** The template of `models/conversations` of that name. */
  static async ofFamily(name: string, tokenizer: TokenTable): Promise<ChatTemplate> {
    const text = await readFile(
      new URL(`../../models/conversations/${name}.jinja`, import.meta.url),
      'utf8',
    )
    const source = { source: 'family', template: name }
    return new ChatTemplate(text, specialTokenVariables(tokenizer), source)
  }

  /** The template that came with the tokenizer: that of a GGUF file. Throws `invalid_package` when it is no Jinja. */
  static ofTokenizer(tokenizer: TokenTable): ChatTemplate {
    const text = tokenizer.config['chat_template']
    if (typeof text !== 'string') return ChatTemplate.missing()
    try {
      const source = { source: 'tokenizer.chat_template' }
      return new ChatTemplate(text, specialTokenVariables(tokenizer), source)
    } catch (cause) {
      const reason = (cause as Error).message
      throw new AerieError('invalid_package', `tokenizer.chat_template: ${reason}`, { cause })
    }
  }

  /** The folder's own template. Throws `invalid_package` when it is no Jinja. */
  static async load(modelDir: string, tokenizer: TokenTable): Promise<ChatTemplate> {
    const found = await findTemplate(modelDir, tokenizer.config)
    if (!found) return ChatTemplate.missing()
    const { text, toolText, file } = found
    try {
      return new ChatTemplate(text, specialTokenVariables(tokenizer), { source: file }, toolText)
    } catch (cause) {
      throw new AerieError(
        'invalid_package',
        `${modelDir}: chat template: ${(cause as Error).message}`,
        {
          cause,
        },
      )
    }
  }

  /**
   * Prompt text that ends where the assistant's answer begins, as `apply_chat_template` of transformers gives it: `tools` are
   * what the template is told of. A template's own `raise_exception` is `invalid_request` about `param`.
   */
  render(
    messages: readonly TemplateMessage[],
    tools?: readonly object[],
    param = 'messages',
  ): string {
    if (this.isMissing) {
      const what =
        'the model has no chat template and knows no turns; /v1/completions continues texts'
      throw new AerieError('unsupported_parameter', `${param}: ${what}`, { param })
    }
    try {
      return (tools ? this.#toolTemplate : this.#template).render({
        ...this.#variables,
        messages,
        tools: tools ?? null,
        documents: null,
        add_generation_prompt: true,
      })
    } catch (cause) {
      throw new AerieError(
        'invalid_request',
        `${param}: the model's chat template refuses this conversation: ${(cause as Error).message}`,
        { param, cause },
      )
    }
  }
}

/** `bos_token`, `eos_token`, … as strings, whichever of the two published spellings the file uses. */
function specialTokenVariables(tokenizer: TokenTable): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const name of ['bos_token', 'eos_token', 'pad_token', 'unk_token']) {
    const value = tokenizer.config[name]
    if (typeof value === 'string') variables[name] = value
    else if (value && typeof value === 'object' && 'content' in value) {
      variables[name] = String(value.content)
    }
  }
  return variables
}
