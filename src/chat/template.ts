/** Renders a conversation to prompt text with the model's own Jinja chat template. */
import { readFile } from 'node:fs/promises'
import { Template } from '@huggingface/jinja'
import { AerieError } from '../errors.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { findTemplate } from './template-source.ts'

/** A message as Hugging Face templates expect it. */
export interface TemplateMessage {
  readonly role: string
  readonly name?: string
  readonly content: readonly ({ type: 'image' } | { type: 'text'; text: string })[]
}

export class ChatTemplate {
  readonly #template: Template
  readonly #variables: Readonly<Record<string, unknown>>
  /** Whether the template takes a content apart; older ones put it into the text as it is, and would write a list there. */
  #takesParts: boolean | undefined

  constructor(source: string, variables: Readonly<Record<string, unknown>>) {
    this.#template = new Template(source)
    this.#variables = variables
  }

  /** The template of `models/conversations` of that name. */
  static async ofFamily(name: string, tokenizer: Tokenizer): Promise<ChatTemplate> {
    const source = await readFile(
      new URL(`../../models/conversations/${name}.jinja`, import.meta.url),
      'utf8',
    )
    return new ChatTemplate(source, specialTokenVariables(tokenizer))
  }

  /** The folder's own template. Throws `invalid_package` when there is none, or it is no Jinja. */
  static async load(modelDir: string, tokenizer: Tokenizer): Promise<ChatTemplate> {
    const { text: source } = await findTemplate(modelDir, tokenizer.config)
    try {
      return new ChatTemplate(source, specialTokenVariables(tokenizer))
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

  /** Prompt text that ends where the assistant's answer begins. A template's own `raise_exception` is `invalid_request`. */
  render(messages: readonly TemplateMessage[]): string {
    try {
      this.#takesParts ??= this.#tryParts()
      return this.#render(this.#takesParts ? messages : messages.map(asText))
    } catch (cause) {
      throw new AerieError(
        'invalid_request',
        `messages: the model's chat template refuses this conversation: ${(cause as Error).message}`,
        { param: 'messages', cause },
      )
    }
  }

  #render(messages: readonly object[]): string {
    return this.#template.render({ ...this.#variables, messages, add_generation_prompt: true })
  }

  #tryParts(): boolean {
    // A quotation mark comes out with a backslash where the list was written as JSON.
    const text = 'a "question"'
    try {
      return this.#render([{ role: 'user', content: [{ type: 'text', text }] }]).includes(text)
    } catch {
      // The template has its own words for what it cannot take; they are heard when a conversation is rendered.
      return false
    }
  }
}

/** A message of texts alone, as a template takes it that knows nothing else. */
function asText(message: TemplateMessage): object {
  const texts = message.content.map((part) => (part.type === 'text' ? part.text : undefined))
  return texts.includes(undefined) ? message : { ...message, content: texts.join('\n') }
}

/** `bos_token`, `eos_token`, … as strings, whichever of the two published spellings the file uses. */
function specialTokenVariables(tokenizer: Tokenizer): Record<string, string> {
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
