/** The models that come with this installation, and whether each is whole. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Finding } from './finding.ts'

const MODELS = new URL('../../models/', import.meta.url)
const NEEDED = ['config.json', 'tokenizer.json', 'model.safetensors'] as const

/** One finding a model folder; a note when there is none at all. */
export async function checkModels(): Promise<Finding[]> {
  const entries = await readdir(MODELS, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const findings = await Promise.all(folders.sort().map(checkModel))
  const models = findings.filter((finding) => finding !== undefined)
  return models.length > 0
    ? models
    : [
        {
          name: 'Models',
          state: 'bad',
          text: 'none installed',
          advice: 'name a folder with --model',
        },
      ]
}

/** Undefined for a folder that holds no model. */
async function checkModel(folder: string): Promise<Finding | undefined> {
  const sizes = new Map<string, number>()
  for (const file of NEEDED) {
    const info = await stat(new URL(`${folder}/${file}`, MODELS)).catch(() => undefined)
    if (info?.isFile()) sizes.set(file, info.size)
  }
  if (sizes.size === 0) return undefined
  const name = `Model ${folder}`
  const missing = NEEDED.filter((file) => !sizes.has(file))
  if (missing.length > 0) {
    return {
      name,
      state: 'bad',
      text: `lacks ${missing.join(', ')}`,
      advice: `restore the files in ${fileURLToPath(new URL(`${folder}/`, MODELS))}`,
    }
  }
  const type = await modelType(new URL(`${folder}/config.json`, MODELS))
  if (type === undefined) {
    return { name, state: 'bad', text: 'config.json cannot be read', advice: 'restore that file' }
  }
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  return { name, state: 'ok', text: `${type}, ${(bytes / 1e6).toFixed(1)} MB` }
}

/** `model_type` of a checkpoint's config.json; undefined when it is not JSON or has none. */
async function modelType(file: URL): Promise<string | undefined> {
  try {
    const config = JSON.parse(await readFile(file, 'utf8')) as { readonly model_type?: unknown }
    return typeof config.model_type === 'string' ? config.model_type : undefined
  } catch {
    return undefined
  }
}
