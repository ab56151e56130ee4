/** Loaded before a test that was written for Jest: its globals over Node's own runner, and the packages of this project. */
import { registerHooks } from 'node:module'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { expect } from 'expect'

const OURS = pathToFileURL(`${import.meta.dirname}/`).href

registerHooks({
  resolve(specifier, context, next) {
    // The tests lie in a folder of their own, from which nothing is installed.
    if (/^openai(\/|$)/.test(specifier)) return next(specifier, { ...context, parentURL: OURS })
    const found = next(specifier, context)
    // Their package says CommonJS, which Jest does not look at.
    const isTest = /\/tests\/api-resources\/.*\.ts$/.test(found.url)
    return isTest ? { ...found, format: 'module-typescript' } : found
  },
})

Object.assign(globalThis, { describe, test, it: test, expect })
