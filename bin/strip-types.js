/** `node bin/strip-types.js`: keeps every source of the server without its types, for stripped-types.js. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname } from 'node:path'
import { readStripped, seal, strippedFile, typedSources } from './stripped-files.js'

/** A folder that is not ours to write to. */
const READ_ONLY = ['EACCES', 'EPERM', 'EROFS']

/** Whole or not at all: other processes may do the same, or read. */
function keep(file, text) {
  mkdirSync(dirname(file), { recursive: true })
  const unfinished = `${file}.${process.pid}.tmp`
  writeFileSync(unfinished, text)
  renameSync(unfinished, file)
}

try {
  for (const file of typedSources()) {
    const source = readFileSync(file, 'utf8')
    // Where nothing changed it is written all the same: its time says that it was looked at.
    const stripped = readStripped(file) ?? stripTypeScriptTypes(source) + seal(source)
    keep(strippedFile(file), stripped)
  }
} catch (error) {
  // Then the server strips types as it goes, which takes more memory and is no fault.
  if (!READ_ONLY.includes(error.code)) throw error
}
