/** The models that come with this installation, and whether each is whole. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadModelConfig } from '../../models/load-config.ts'
import type { Finding } from './finding.ts'

const MODELS = fileURLToPath(new URL('../../models', import.meta.url))
const NEEDED = ['config.json', 'tokenizer.json', 'model.safetensors'] as const

/** One finding for each folder in `root` that holds a model, or one that says that there is none. */
export async function checkModels(root = MODELS): Promise<Finding[]> {
  const entries = await readdir(root, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const found = await Promise.all(folders.sort().map((folder) => checkModel(root, folder)))
  const findings = found.filter((finding) => finding !== undefined)
  if (findings.length > 0) return findings
  const advice = 'restore models/starter, or name a folder with --model'
  return [{ name: 'Models', state: 'bad', text: 'none installed', advice }]
}

/** Undefined for a folder that holds no model. */
async function checkModel(root: string, folder: string): Promise<Finding | undefined> {
  const path = join(root, folder)
  const name = `Model ${folder}`
  const sizes = new Map<string, number>()
  for (const file of NEEDED) {
    const info = await stat(join(path, file)).catch(() => undefined)
    if (info?.isFile()) sizes.set(file, info.size)
  }
  if (sizes.size === 0) return undefined
  const advice = `restore the files in ${path}`
  const lacks = (files: readonly string[]): Finding | undefined => {
    const missing = files.filter((file) => !sizes.has(file))
    const text = `lacks ${missing.join(', ')}`
    return missing.length > 0 ? { name, state: 'bad', text, advice } : undefined
  }
  const incomplete = lacks(NEEDED)
  // Without a config nobody can tell whether a tokenizer is missing.
  if (incomplete && !sizes.has('config.json')) return incomplete
  try {
    const { family, embeddingTower } = await loadModelConfig(path)
    const bad = embeddingTower
      ? lacks(NEEDED.filter((file) => file !== 'tokenizer.json'))
      : incomplete
    if (bad) return bad
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
    return { name, state: 'ok', text: `${family.modelType}, ${(bytes / 1e6).toFixed(1)} MB` }
  } catch (error) {
    return {
      name,
      state: 'bad',
      text: error instanceof Error ? error.message : String(error),
      advice,
    }
  }
}
