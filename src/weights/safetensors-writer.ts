/** Writes safetensors files: float32 and int64, in the order given. */
import { writeFile } from 'node:fs/promises'

export interface TensorToStore {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: ArrayLike<number>
  readonly dtype: 'F32' | 'I64'
}

export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToStore>,
): Promise<void> {
  const header: Record<string, unknown> = {}
  const parts: Uint8Array[] = []
  let offset = 0
  for (const { name, shape, values, dtype } of tensors) {
    const bytes = bytesOf(values, dtype)
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.byteLength] }
    parts.push(bytes)
    offset += bytes.byteLength
  }
  const text = new TextEncoder().encode(JSON.stringify(header))
  // The reference implementation pads its header to whole words.
  const padded = new Uint8Array(Math.ceil(text.byteLength / 8) * 8).fill(0x20)
  padded.set(text)
  const prefix = new Uint8Array(8)
  new DataView(prefix.buffer).setBigUint64(0, BigInt(padded.byteLength), true)
  await writeFile(path, [prefix, padded, ...parts])
}

function bytesOf(values: ArrayLike<number>, dtype: TensorToStore['dtype']): Uint8Array {
  const array =
    dtype === 'F32'
      ? Float32Array.from(values)
      : BigInt64Array.from(Array.from(values), (value) => BigInt(value))
  return new Uint8Array(array.buffer)
}
