/** Whether a model is a folder or one file. */
import { stat } from 'node:fs/promises'

/** A model that is a single file can only be a GGUF file; every other form is a folder. */
export async function isModelFile(path: string): Promise<boolean> {
  // What does not exist is reported by whoever wants to read it.
  return await stat(path).then(
    (info) => info.isFile(),
    () => false,
  )
}
