/** A checkpoint in one GGUF file, or in its shards. The package keeps them as they are: what is in blocks stays in blocks. */
import { stat } from 'node:fs/promises'
import { resolveInside } from '../model-folder.ts'
import { ggufFile } from '../package/store.ts'
import { readGguf } from '../weights/gguf.ts'
import { openModelSource } from '../weights/model-source.ts'
import { type CheckpointForm, examineTensors } from './examine.ts'
import { readLicense } from './license.ts'
import { isCard, type SourceFile, surveyFolder } from './survey.ts'

/** `folder` is where its licence and card are, which are taken too; a file that is named comes alone, or with its shards. */
export function ggufForm(path: string, folder?: string): CheckpointForm {
  return {
    path,
    config: async () => (await openModelSource(path)).model,
    smallFiles: async () =>
      folder === undefined
        ? []
        : (await surveyFolder(folder, [])).filter((file) => isCard(file.path)),
    weights: async (config) => {
      await using weights = await (await openModelSource(path)).openWeights()
      return examineTensors(config, [...weights.tensors.values()], await weightFiles(path, folder))
    },
    license: async () =>
      (await licenseKey(path)) ?? (folder === undefined ? undefined : await readLicense(folder)),
  }
}

async function weightFiles(path: string, folder: string | undefined): Promise<SourceFile[]> {
  // Whoever names a file may mean what it links to; one that was found in a folder must lie there.
  if (folder !== undefined) await resolveInside(folder, path.slice(folder.length + 1))
  const { files } = await readGguf(path)
  return await Promise.all(
    files.map(async ({ path: source }, i) => {
      const { size, mtimeMs } = await stat(source)
      return { path: ggufFile(i, files.length), source, bytes: size, changed: mtimeMs }
    }),
  )
}

async function licenseKey(path: string): Promise<string | undefined> {
  const { metadata } = await readGguf(path)
  const written = metadata.string('general.license', '').trim()
  return /^[\w .+-]{1,100}$/.test(written) ? written : undefined
}
