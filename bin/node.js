#!/usr/bin/env node
/** `node bin/node.js script.ts …`: runs any script of this repository with a Node that is new enough. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runWithNode } from './run-with-node.js'

const [script, ...args] = process.argv.slice(2)
if (script === undefined) {
  console.error('usage: node bin/node.js <script> [arguments]')
  process.exitCode = 2
} else {
  await runWithNode([script, ...args], async () => {
    // The script takes the place of this one, so that it is the main module; Windows cannot do that.
    if (process.platform !== 'win32') process.execve(process.execPath, ['node', script, ...args])
    process.argv = [process.execPath, resolve(script), ...args]
    await import(pathToFileURL(resolve(script)).href)
  })
}
