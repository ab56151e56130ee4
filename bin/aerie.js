#!/usr/bin/env node
/** The `aerie` command: finds a Node that runs TypeScript and hands over to src/cli/aerie.ts. */
import { fileURLToPath } from 'node:url'
import { applyMemorySettings } from './memory-settings.js'
import { runWithNode } from './run-with-node.js'

await runWithNode([fileURLToPath(import.meta.url), ...process.argv.slice(2)], async () => {
  const [, , command, ...args] = process.argv
  const holdsServer =
    command === 'serve' ||
    (command === 'caption' && !args.some((arg) => /^--(server|help)\b/.test(arg) || arg === '-h'))
  if (holdsServer) {
    const { keepStrippedTypes } = await import('./stripped-files.js')
    keepStrippedTypes()
    applyMemorySettings()
  }
  const { main } = await import('../src/cli/aerie.ts')
  await main(process.argv.slice(2))
})
