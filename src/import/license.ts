/** The licence of a checkpoint, as it says it itself. */
import { FILE_LIMITS, readText } from '../model-folder.ts'

/** `license:` at the head of the folder's own card; undefined when it does not say. */
export async function readLicense(directory: string): Promise<string | undefined> {
  const card = await readText(directory, 'README.md', FILE_LIMITS.vocabulary)
  const head = /^---\r?\n([\s\S]{0,65536}?)\r?\n---/.exec(card ?? '')?.[1]
  const name = /^license:[ \t]*["']?([\w.+-]{1,100})["']?[ \t]*\r?$/m.exec(head ?? '')?.[1]
  // Cards with a licence of their own give its name beside it.
  const own = /^license_name:[ \t]*["']?([\w .+-]{1,100}?)["']?[ \t]*\r?$/m.exec(head ?? '')?.[1]
  return name === 'other' ? (own ?? name) : name
}
