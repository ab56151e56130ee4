/** The small CLIP and SigLIP of test/fixtures/embeddings, and what transformers made of two pictures and some texts with them. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readSafetensors } from './safetensors-file.ts'

export interface DualFixture {
  readonly name: 'clip' | 'siglip'
  readonly folder: string
  readonly texts: readonly string[]
  /** With what the tokenizer puts around a text, not filled up. */
  readonly ids: readonly (readonly number[])[]
  /** File names. */
  readonly pictures: readonly string[]
  expected(tensor: string): Float32Array
}

export function dualFixture(name: DualFixture['name']): DualFixture {
  const folder = resolve(import.meta.dirname, `../fixtures/embeddings/tiny-${name}`)
  const { texts, ids, pictures } = JSON.parse(readFileSync(join(folder, 'recorded.json'), 'utf8'))
  const tensors = readSafetensors(join(folder, 'expected.safetensors'))
  return {
    ...{ name, folder, texts, ids, pictures },
    expected(tensor) {
      const values = tensors.get(tensor)
      if (!values) throw new Error(`no tensor ${tensor}`)
      return values
    },
  }
}
