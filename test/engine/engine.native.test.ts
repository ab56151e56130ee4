/** The engine on the native backend: the same text, bit for bit, alone, in a batch, preempted, from the cache, cut otherwise. */
import { it } from 'node:test'
import { skipOf } from '../support/backends.ts'
import { testEngineOn } from '../support/engine-suite.ts'

const skip = skipOf('native')
if (skip === false) testEngineOn('native', { same: 0 })
else it('the engine on native', { skip }, () => {})
