/** Modules of the page in Node: what a browser finds beside them as `vendor/` is in `node_modules` here. */
import { registerHooks } from 'node:module'

const VENDOR: Readonly<Record<string, string>> = {
  'vendor/preact.js': 'preact',
  'vendor/hooks.js': 'preact/hooks',
}

registerHooks({
  resolve(specifier, context, next) {
    const name = /vendor\/\w+\.js$/.exec(specifier)?.[0]
    return next((name && VENDOR[name]) ?? specifier, context)
  },
})

/** A module of `src/page/`, by its path there; the type says what is used of it. */
export async function pageModule<T>(path: string): Promise<T> {
  return (await import(new URL(`../../src/page/${path}`, import.meta.url).href)) as T
}
