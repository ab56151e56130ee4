/** Finds the chat template of a model folder in the places where checkpoints have been published with one. */
import { AerieError } from '../errors.ts'
import { FILE_LIMITS, isJsonObject, readJson, readText } from '../model-folder.ts'

export interface TemplateSource {
  readonly text: string
  /** Of the name `tool_use`, where there are several: what is rendered where there are tools. */
  readonly toolText?: string
  /** The file that it stands in. */
  readonly file: string
}

/**
 * chat_template.jinja, then chat_template.json (processors), then `chat_template` of tokenizer_config.json: a text, or a
 * list of named ones of which `default` is taken. Undefined where there is none, as of base models; throws `invalid_package` for one
 * that is no text.
 */
export async function findTemplate(
  modelDir: string,
  tokenizerConfig: Readonly<Record<string, unknown>>,
): Promise<TemplateSource | undefined> {
  const text = await readText(modelDir, 'chat_template.jinja', FILE_LIMITS.template)
  if (text !== undefined) return { text, file: 'chat_template.jinja' }
  const processor = await readJson(modelDir, 'chat_template.json', FILE_LIMITS.template)
  const sources = [
    { file: 'chat_template.json', value: isJsonObject(processor) ? processor : {} },
    { file: 'tokenizer_config.json', value: tokenizerConfig },
  ]
  for (const { file, value } of sources) {
    const templates = value['chat_template']
    const found = namedTemplate(templates, 'default', `${modelDir}: ${file}`)
    if (found === undefined) continue
    const forTools = isNamed(templates, 'tool_use')
      ? namedTemplate(templates, 'tool_use', `${modelDir}: ${file}`)
      : undefined
    return { text: found, file, ...(forTools !== undefined && { toolText: forTools }) }
  }
  return undefined
}

function isNamed(value: unknown, name: string): boolean {
  return Array.isArray(value) && value.some((one) => isJsonObject(one) && one['name'] === name)
}

function namedTemplate(value: unknown, name: string, where: string): string | undefined {
  if (value === undefined || value === null) return undefined
  const texts: unknown[] = Array.isArray(value)
    ? value.flatMap((entry) =>
        isJsonObject(entry) && entry['name'] === name ? [entry['template']] : [],
      )
    : [value]
  const [text] = texts
  if (typeof text === 'string' && text.length <= FILE_LIMITS.template) return text
  throw new AerieError(
    'invalid_package',
    `${where}: chat_template: expected a text, or a list with one of the name "${name}"`,
  )
}
