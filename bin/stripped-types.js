/**
 * Preloaded into the server, its worker threads and its decoders: sources without their types come from where strip-types.js
 * keeps them. Node's own way is a compiler in WebAssembly, which every thread loads for itself and keeps
 * (docs/performance.md). What is not kept is left to Node.
 */
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { readStripped } from './stripped-files.js'

registerHooks({
  load(url, context, nextLoad) {
    const source = url.startsWith('file:') ? readStripped(fileURLToPath(url)) : undefined
    if (source === undefined) return nextLoad(url, context)
    return { format: 'module', source, shortCircuit: true }
  },
})
