/** Prunes checkpoints to 2:4, as a learned mask leaves them: products with it have zeros of either sign. */
import { join } from 'node:path'
import { editWeights } from './checkpoint-folder.ts'
import { seededRandom } from './seeded-random.ts'

const BYTES: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2 }
/** Pairs of four. */
const KEPT = [0b0011, 0b0101, 0b1001, 0b0110, 0b1010, 0b1100]

/** Of every four inputs of the matrices of that name two are kept, by lot, in place. Returns the matrices' names. */
export function pruneFolder(folder: string, wanted: RegExp): string[] {
  const random = seededRandom(24)
  const pruned: string[] = []
  editWeights(join(folder, 'model.safetensors'), (header, data) => {
    for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
      if (shape.length !== 2 || !wanted.test(name)) continue
      pruned.push(name)
      const [rows, width] = shape as [number, number]
      const size = BYTES[dtype]!
      for (let row = 0; row < rows; row++) {
        for (let quad = 0; quad < width; quad += 4) {
          const kept = KEPT[Math.floor(random() * KEPT.length)]!
          for (let i = quad; i < Math.min(quad + 4, width); i++) {
            if ((kept >> (i - quad)) & 1) continue
            const at = data_offsets[0] + (row * width + i) * size
            // The value times 0: its sign stays.
            data[at + size - 1] = data[at + size - 1]! & 0x80
            data.fill(0, at, at + size - 1)
          }
        }
      }
    }
  })
  return pruned
}
