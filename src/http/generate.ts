/** `npm run openapi`: writes everything that is derived from openapi.yaml. */
import { writeFile } from 'node:fs/promises'
import { renderCompatibility } from './generate-compatibility.ts'
import { renderTypes } from './generate-types.ts'
import { renderValidators } from './generate-validators.ts'
import { readOpenApi } from './openapi-document.ts'

/** The derived files and their texts as they should be. A test compares them with what is in the tree. */
export async function renderAll(): Promise<ReadonlyMap<URL, string>> {
  const document = await readOpenApi()
  return new Map([
    [new URL('openapi.d.ts', import.meta.url), await renderTypes()],
    [new URL('request-validators.js', import.meta.url), renderValidators(document)],
    [new URL('../../docs/compatibility.md', import.meta.url), renderCompatibility(document)],
  ])
}

if (import.meta.main) {
  for (const [file, text] of await renderAll()) await writeFile(file, text)
}
