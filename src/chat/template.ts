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
      return this.#template.render({ ...this.#variables, messages, add_generation_prompt: true })
    } catch (cause) {
      throw new AerieError(
        'invalid_request',
        `messages: the model's chat template refuses this conversation: ${(cause as Error).message}`,
        { param: 'messages', cause },
      )
    }
  }
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
