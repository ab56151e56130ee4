/** Finds the chat template of a model folder in the places where checkpoints have been published with one. */
import { AerieError } from '../errors.ts'
import { FILE_LIMITS, isJsonObject, readJson, readText } from '../model-folder.ts'

export interface TemplateSource {
  readonly text: string
  /** The file that it stands in. */
  readonly file: string
}

/**
 * chat_template.jinja, then chat_template.json (processors), then `chat_template` of tokenizer_config.json: a text, or a
 * list of named ones of which `default` is taken. Throws `invalid_package` when there is none.
 */
export async function findTemplate(
  modelDir: string,
  tokenizerConfig: Readonly<Record<string, unknown>>,
): Promise<TemplateSource> {
  const text = await readText(modelDir, 'chat_template.jinja', FILE_LIMITS.template)
  if (text !== undefined) return { text, file: 'chat_template.jinja' }
  const processor = await readJson(modelDir, 'chat_template.json', FILE_LIMITS.template)
  const sources = [
    { file: 'chat_template.json', value: isJsonObject(processor) ? processor : {} },
    { file: 'tokenizer_config.json', value: tokenizerConfig },
  ]
  for (const { file, value } of sources) {
    const found = defaultTemplate(value['chat_template'], `${modelDir}: ${file}`)
    if (found !== undefined) return { text: found, file }
  }
  throw new AerieError(
    'invalid_package',
    `${modelDir}: no chat template (chat_template.jinja, chat_template.json, or chat_template in tokenizer_config.json)`,
  )
}

function defaultTemplate(value: unknown, where: string): string | undefined {
  if (value === undefined || value === null) return undefined
  const texts: unknown[] = Array.isArray(value)
    ? value.flatMap((entry) =>
        isJsonObject(entry) && entry['name'] === 'default' ? [entry['template']] : [],
      )
    : [value]
  const [text] = texts
  if (typeof text === 'string' && text.length <= FILE_LIMITS.template) return text
  throw new AerieError(
    'invalid_package',
    `${where}: chat_template: expected a text, or a list with one of the name "default"`,
  )
}
